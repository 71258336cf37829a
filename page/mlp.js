/* The network of mlp_np.py again, in JavaScript: the same names, the same formulas in the same order.

   A matrix of shape (n, m) is a flat array, row after row: W1[i, j] is W1[i * H + j]. Weights are Float32Array, as
   main_np.py keeps them; all that is computed from them is Float64Array, because JavaScript calculates in double
   precision.

   The derivation of each derivative is in mlp_np.py, beside the line that computes it. */

/** 784 - H - 10 with one ReLU. `params` holds W1 (784, H), b1 (H), W2 (H, 10), b2 (10). */
export class MLP {
  constructor(params) {
    this.params = params;
  }

  get hidden() {
    return this.params.b1.length;
  } // H

  /** Images x (B, 784) to logits (B, 10). Keeps what backward needs. */
  forward(x) {
    const { W1, b1, W2, b2 } = this.params;
    this.x = x;
    this.z1 = plus(times(x, W1, 784), b1); // (B, H)
    this.a1 = this.z1.map((z) => Math.max(z, 0)); // (B, H)
    return plus(times(this.a1, W2, b1.length), b2); // (B, 10)
  }

  /** From d loss / d logits (B, 10) to {W1: d loss / d W1, ...}, the keys and shapes of params. */
  backward(dlogits) {
    const { W2 } = this.params,
      B = dlogits.length / 10;
    const dW2 = transposedTimes(this.a1, dlogits, B); // (H, 10), a1.T @ dlogits
    const db2 = sumOfRows(dlogits, B); // (10)
    this.da1 = timesTransposed(dlogits, W2, 10); // (B, H), dlogits @ W2.T
    this.dz1 = this.da1.map((d, n) => d * (this.z1[n] > 0)); // (B, H)
    const dW1 = transposedTimes(this.x, this.dz1, B); // (784, H), x.T @ dz1
    const db1 = sumOfRows(this.dz1, B); // (H)
    return { W1: dW1, b1: db1, W2: dW2, b2: db2 };
  }
}

/** logits (B, 10), true digits y (B) -> probabilities p (B, 10), the mean of -log p[y], and its derivative dlogits. */
export function softmaxCrossEntropy(logits, y) {
  const B = y.length,
    p = logits.slice();
  let loss = 0;
  for (let n = 0; n < B; n++) {
    const row = p.subarray(10 * n, 10 * n + 10);
    const largest = row.reduce((most, z) => Math.max(most, z));
    const shifted = row[y[n]] - largest; // subtracting the same number from all changes no p, and exp cannot overflow
    row.forEach((z, k) => (row[k] = Math.exp(z - largest)));
    const total = row.reduce((sum, e) => sum + e, 0);
    row.forEach((e, k) => (row[k] = e / total));
    loss += (Math.log(total) - shifted) / B;
  }
  const dlogits = p.slice();
  for (let n = 0; n < B; n++) dlogits[10 * n + y[n]] -= 1; // p - onehot(y)
  for (let n = 0; n < dlogits.length; n++) dlogits[n] /= B; // the mean's 1/B
  return { p, loss, dlogits };
}

/** One step of stochastic gradient descent, in place and without momentum: W -= lr * dW for every parameter. */
export function sgdStep(params, grads, lr) {
  for (const name in params) {
    const p = params[name],
      dp = grads[name];
    for (let i = 0; i < p.length; i++) p[i] -= lr * dp[i];
  }
}

/** A @ M for A (B, n) and M (n, m). */
function times(A, M, n) {
  const m = M.length / n,
    B = A.length / n,
    product = new Float64Array(B * m);
  for (let b = 0; b < B; b++) addRows(product, b, M, m, A, b * n, 1);
  return product;
}

/** A @ M.T for A (B, m) and M (n, m). */
export function timesTransposed(A, M, m) {
  const n = M.length / m,
    B = A.length / m,
    product = new Float64Array(B * n);
  for (let b = 0; b < B; b++) {
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < m; j++) sum += A[b * m + j] * M[i * m + j];
      product[b * n + i] = sum;
    }
  }
  return product;
}

/** A.T @ D for A (B, n) and D (B, m): for each example every number of A times every number of D, summed. */
function transposedTimes(A, D, B) {
  const n = A.length / B,
    m = D.length / B,
    product = new Float64Array(n * m);
  for (let i = 0; i < n; i++) addRows(product, i, D, m, A, i, n);
  return product;
}

/** To row r of `product` add the rows of M (n, m), each times its number: those in A that start at `from`, `by` apart.

    Four rows at a time, so that each sum is fetched and stored once for four products: twice as fast. */
function addRows(product, r, M, m, A, from, by) {
  const n = M.length / m,
    at = r * m;
  let i = 0;
  for (; i + 3 < n; i += 4, from += 4 * by) {
    const a = A[from],
      b = A[from + by],
      c = A[from + 2 * by],
      d = A[from + 3 * by];
    if (a === 0 && b === 0 && c === 0 && d === 0) continue;
    const row = i * m;
    for (let j = 0; j < m; j++) {
      product[at + j] += a * M[row + j] + b * M[row + m + j] + c * M[row + 2 * m + j] + d * M[row + 3 * m + j];
    }
  }
  for (; i < n; i++, from += by) for (let j = 0; j < m; j++) product[at + j] += A[from] * M[i * m + j];
}

/** D.sum(axis=0) for D (B, m). */
function sumOfRows(D, B) {
  const m = D.length / B,
    sum = new Float64Array(m);
  for (let n = 0; n < D.length; n++) sum[n % m] += D[n];
  return sum;
}

/** M + v for every row of M (B, m), kept in M. */
function plus(M, v) {
  const m = v.length;
  for (let n = 0; n < M.length; n++) M[n] += v[n % m];
  return M;
}
