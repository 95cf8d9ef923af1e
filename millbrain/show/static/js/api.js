// The JSON API as the pages use it. A wall may carry a read-only token behind '#' of its address:
// that part never leaves the browser, so no log holds it.

const BASE = "/api/v1";
const WAIT_MS = 30_000;
const token = new URLSearchParams(location.hash.slice(1)).get("token");

export class ApiError extends Error {
  constructor(status, code, message, detail) {
    super(message);
    this.status = status;
    this.code = code;
    this.detail = detail;
  }
}

export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return BASE + path + (text ? `?${text}` : "");
}

/** fetch(), with a silent server as an ApiError of status 0 and not as a TypeError among bugs. */
async function reach(url, options, signal) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "silent", error.message);
  }
}

async function send(method, url, body, signal) {
  const wait = AbortSignal.timeout(WAIT_MS);
  const options = {
    method,
    headers: { Accept: "application/json" },
    signal: signal ? AbortSignal.any([signal, wait]) : wait,
  };
  if (token) options.headers.Authorization = `Bearer ${token}`;
  if (body instanceof FormData) {
    options.body = body;
  } else if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await reach(url, options, signal);
  const type = answer.headers.get("content-type") ?? "";
  const content = type.includes("json") ? await answer.json() : null;
  if (answer.ok) return content;
  const error = content?.error ?? {};
  throw new ApiError(answer.status, error.code ?? "", error.message ?? answer.statusText, error.detail);
}

/** get() for a page that goes on without a login: it never leaves for the login page by itself. */
export const ask = (path, parameters, signal) => send("GET", address(path, parameters), undefined, signal);

export async function get(path, parameters, signal) {
  try {
    return await ask(path, parameters, signal);
  } catch (error) {
    const wall = document.documentElement.hasAttribute("data-wall");
    if (error.status === 401 && !wall && location.pathname !== "/login") {
      location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    }
    throw error;
  }
}

export const post = (path, body, signal) => send("POST", BASE + path, body, signal);
export const put = (path, body) => send("PUT", BASE + path, body);
export const patch = (path, body) => send("PATCH", BASE + path, body);
export const remove = (path) => send("DELETE", BASE + path);
