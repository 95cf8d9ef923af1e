// An id that nobody else gives: what carries one may be sent again without being taken twice.

export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID(); // over plain http it is not there
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
