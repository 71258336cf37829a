/* One convolution as in resnet_np.py: one image, one channel in, one out, stride 1. Arrays are rows after rows, in float64. */

export const SIDE = 28; // pixels of the image, both ways
const SIZE = 3; // of the kernel

/** The 9 pixels around position (i, j) of x; what lies beyond the image is 0. */
export const padImage = (x, i, j) =>
  Array.from({ length: SIZE * SIZE }, (_, n) => {
    const [row, column] = [i + Math.floor(n / SIZE) - 1, j + (n % SIZE) - 1];
    return row >= 0 && row < SIDE && column >= 0 && column < SIDE ? x[SIDE * row + column] : 0;
  });

const positions = Array.from({ length: SIDE * SIDE }, (_, n) => [Math.floor(n / SIDE), n % SIDE]);

/** y[i, j] = sum over u, v of x[i + u - 1, j + v - 1] W[u, v]. */
export const convolve = (x, W) =>
  positions.map(([i, j]) => padImage(x, i, j).reduce((sum, pixel, n) => sum + pixel * W[n], 0));

/** A sum of so many terms of this size, without what their rounding leaves where they cancel. */
const clean = (sum, size) => (Math.abs(sum) < size * 1e-12 ? 0 : sum);

/** dW[u, v] = sum over i, j of x[i + u - 1, j + v - 1] dy[i, j]: every position adds its share. */
export function gradient(x, dy) {
  const dW = new Array(SIZE * SIZE).fill(0),
    size = dW.slice();
  positions.forEach(([i, j], at) =>
    padImage(x, i, j).forEach((pixel, n) => {
      dW[n] += pixel * dy[at];
      size[n] += Math.abs(pixel * dy[at]);
    }),
  );
  return dW.map((sum, n) => clean(sum, size[n]));
}
