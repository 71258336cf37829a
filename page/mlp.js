/* The network of mlp_np.py once more, in JavaScript: the same names, the same formulas in the same order.

   One image at a time (a batch of B = 1), so x, z1, a1 and logits are vectors. A matrix of shape (n, m) is a flat
   array, row after row: W1[i, j] is W1[i * H + j]. Weights are Float32Array, as main_np.py keeps them; all that is
   computed from them is Float64Array, because JavaScript calculates in double precision.

   Each derivative's reason stands in mlp_np.py, beside the line that computes it. */
"use strict";

/** 784 - hidden - 10 with one ReLU. `params` holds W1 (784, H), b1 (H), W2 (H, 10), b2 (10). */
class MLP {
  constructor(params) {
    this.params = params;
  }

  /** An image x of 784 numbers to logits (10). Keeps what backward needs. */
  forward(x) {
    const { W1, b1, W2, b2 } = this.params;
    this.x = x;
    this.z1 = plus(times(x, W1), b1); // (H)
    this.a1 = this.z1.map((z) => Math.max(z, 0)); // (H)
    return plus(times(this.a1, W2), b2); // (10)
  }

  /** From d loss / d logits (10) to {W1: d loss / d W1, ...}, the keys and shapes of params. */
  backward(dlogits) {
    const { W2 } = this.params;
    const dW2 = outer(this.a1, dlogits); // (H, 10), a1.T @ dlogits
    const db2 = dlogits.slice(); // (10), a sum over one example
    this.da1 = timesTransposed(dlogits, W2); // (H)
    this.dz1 = this.da1.map((d, j) => d * (this.z1[j] > 0)); // (H)
    const dW1 = outer(this.x, this.dz1, this.memory); // (784, H), x.T @ dz1
    this.memory = dW1; // 3 MB, which the next pass may have
    const db1 = this.dz1.slice(); // (H)
    return { W1: dW1, b1: db1, W2: dW2, b2: db2 };
  }
}

/** logits (10), true digit y -> probabilities p (10), the loss -log p[y], and its derivative dlogits (10). */
function softmaxCrossEntropy(logits, y) {
  const largest = Math.max(...logits);
  const shifted = logits.map((z) => z - largest); // changes no p, and exp cannot overflow
  const exp = shifted.map(Math.exp);
  const total = exp.reduce((sum, e) => sum + e, 0);
  const p = exp.map((e) => e / total);
  const loss = Math.log(total) - shifted[y];
  const dlogits = p.slice();
  dlogits[y] -= 1; // p - onehot(y)
  return { p, loss, dlogits };
}

/** One step of stochastic gradient descent, in place and without momentum: W -= lr * dW for every parameter. */
function sgdStep(params, grads, lr) {
  for (const name in params) {
    const p = params[name], dp = grads[name];
    for (let i = 0; i < p.length; i++) p[i] -= lr * dp[i];
  }
}

/** v @ M for v (n) and M (n, m). */
function times(v, M) {
  const m = M.length / v.length, product = new Float64Array(m);
  for (let i = 0; i < v.length; i++) {
    const vi = v[i], row = i * m;
    if (vi !== 0) for (let j = 0; j < m; j++) product[j] += vi * M[row + j];
  }
  return product;
}

/** v @ M.T for v (m) and M (n, m). */
function timesTransposed(v, M) {
  const m = v.length, product = new Float64Array(M.length / m);
  for (let i = 0; i < product.length; i++) for (let j = 0; j < m; j++) product[i] += v[j] * M[i * m + j];
  return product;
}

/** u.T @ v: every number of u (n) times every number of v (m). */
function outer(u, v, product = new Float64Array(u.length * v.length)) {
  const m = v.length;
  for (let i = 0; i < u.length; i++) for (let j = 0; j < m; j++) product[i * m + j] = u[i] * v[j];
  return product;
}

/** u + v, kept in u. */
function plus(u, v) {
  for (let j = 0; j < u.length; j++) u[j] += v[j];
  return u;
}
