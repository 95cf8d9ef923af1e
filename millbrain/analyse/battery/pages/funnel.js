// Funnel limits: how far the share of cases in a group of n may lie from the mean by chance alone.
// Exact binomial quantiles, interpolated as in Spiegelhalter (2005), so that they hold for the few
// cases in a thousand that matter here.

const POINTS = 48;
const EXACT_CASES_MAX = 400; // beyond, the normal distribution is as good and the sum underflows
const NORMAL = { 0.001: -3.0902, 0.025: -1.96, 0.975: 1.96, 0.999: 3.0902 };

/** Share below which `level` of groups of n fall, if every vehicle is a case with probability p. */
export function limitOf(n, p, level) {
  if (p <= 0 || p >= 1 || n < 1) return p;
  if (n * Math.min(p, 1 - p) > EXACT_CASES_MAX) return p + NORMAL[level] * Math.sqrt((p * (1 - p)) / n);
  if (p > 0.5) return 1 - limitOf(n, 1 - p, 1 - level);
  let term = Math.exp(n * Math.log1p(-p)); // P(X = 0)
  let sum = term;
  let k = 0;
  while (sum < level && k < n) {
    term *= ((n - k) / (k + 1)) * (p / (1 - p));
    k += 1;
    sum += term;
  }
  const over = term > 0 ? (sum - level) / term : 0; // part of the last step that is too much
  return Math.max(0, (k - over) / n);
}

/** The axis of sizes: a little wider than the groups that there are. */
export function reach(sizes) {
  return { min: Math.max(1, Math.round(Math.min(...sizes) * 0.7)), max: Math.round(Math.max(...sizes) * 1.6) };
}

/** Limits between two sizes of groups: {low95, high95, low998, high998}, each [[n, per cent], ...]. */
export function funnel(sizeMin, sizeMax, p) {
  const first = Math.max(1, sizeMin * 0.7);
  const last = Math.max(first + 10, sizeMax * 1.3);
  const sizes = Array.from({ length: POINTS + 1 }, (_unused, i) => Math.round(first * (last / first) ** (i / POINTS)));
  const curve = (level) => [...new Set(sizes)].map((n) => [n, 100 * limitOf(n, p, level)]);
  return { low95: curve(0.025), high95: curve(0.975), low998: curve(0.001), high998: curve(0.999) };
}
