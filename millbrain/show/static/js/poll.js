// Asking again and again without growing: one timer per task, never two answers at once, silent
// while nobody can see the page, slower while the server does not answer.

const SLOWEST_S = 60;
let failedSince = 0;

function report(lost) {
  const notice = document.getElementById("lost");
  failedSince = lost ? failedSince || Date.now() : 0;
  if (notice) {
    notice.hidden = !lost;
    notice.dispatchEvent(new CustomEvent("lost", { detail: failedSince }));
  }
}

/** Run task(signal) now and every `seconds` after it ended. Returns a function that stops it. */
export function every(seconds, task) {
  let timer = 0;
  let stopped = false;
  let running = null;
  let wait = seconds;

  async function turn() {
    clearTimeout(timer);
    if (stopped || running) return;
    if (!document.hidden) {
      running = new AbortController();
      try {
        await task(running.signal);
        wait = seconds;
        report(false);
      } catch (error) {
        if (error.name === "AbortError" && stopped) return;
        wait = Math.min(wait * 2, SLOWEST_S);
        report(error.status === 0 || error.status >= 500);
        if (error.status === undefined) console.error(error); // a bug, not an answer
      } finally {
        running = null;
      }
    }
    if (!stopped) timer = setTimeout(turn, wait * 1000);
  }

  const wake = () => !document.hidden && turn();
  document.addEventListener("visibilitychange", wake);
  turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
    running?.abort();
    document.removeEventListener("visibilitychange", wake);
  };
}
