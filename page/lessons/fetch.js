/* Files of the site. */

/** What `use` makes of the response to this address. If it fails, the file is asked for once more, and what the browser has
    cached is left alone: a server's bad answer, such as a page in the place of a script, would survive every reload. */
export async function fetchFile(address, use, options = {}) {
  const attempt = async (more) => {
    const response = await fetch(address, { ...options, ...more });
    if (!response.ok) throw new Error(`${response.status} ${address.replace(/\?.*/, "")}`);
    return use(response);
  };
  try {
    return await attempt({});
  } catch {
    return attempt({ cache: "reload" });
  }
}
