// Following a job: server-sent events over fetch (EventSource sends no token), and asking again where they do not come.

import { ApiError, getJson, jobPath, request } from "./api.js";
import { pause } from "./dom.js";

const SILENT_MS = 25000; // a comment comes every 15 s: a stream that is silent for longer is held back by a proxy
const POLL_MS = 2000;
const MOST_BROKEN = 2; // streams of which nothing came: this way leads nowhere
const WAITS_MS = [500, 1000, 2000, 4000, 8000];

export const ENDED = ["done", "failed", "cancelled"];

/** The events in a stream of bytes: `{id, data}`; `heard` is called with every piece that comes. */
async function* events(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) { return; }
      heard();
      text += value.replaceAll("\r\n", "\n");
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const lines = text.slice(0, end).split("\n");
        text = text.slice(end + 2);
        const all = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart());
        const data = all("data");
        if (data.length) { yield { id: all("id").at(-1), data: data.join("\n") }; }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Whether asking again may help: nobody answered, or somebody who is overloaded did. */
const mayPass = (error) => error instanceof ApiError && (error.gone || error.status === 429 || error.status >= 500);

/**
 * Follow the job `id` until it has ended. `onJob` hears it whenever something changes; `onLink` hears whether the
 * service answers. Ends when `signal` is aborted; throws `ApiError` where asking again is in vain (the job is gone).
 */
export async function watch(id, { onJob, onLink, signal }) {
  const state = { last: null, ended: false, broken: 0 };
  const tell = (job) => { state.ended = ENDED.includes(job.state); onLink(true); onJob(job); };
  for (let failures = 0; !state.ended;) {
    try {
      if (state.broken < MOST_BROKEN && !(await stream(id, state, tell, signal))) { state.broken += 1; }
      if (state.ended) { return; }
      tell(await getJson(jobPath(id), { signal }));
      failures = 0;
      if (!state.ended) { await pause(state.broken < MOST_BROKEN ? WAITS_MS[0] : POLL_MS, signal); }
    } catch (error) {
      if (signal.aborted) { return; }
      if (!mayPass(error)) { throw error; }
      onLink(false);
      state.broken = 0; // it was not the stream's fault
      const wait = Math.max(WAITS_MS[Math.min(failures, WAITS_MS.length - 1)], (error.retryAfter ?? 0) * 1000);
      failures += 1;
      await pause(wait, signal).catch(() => {});
      if (signal.aborted) { return; }
    }
  }
}

/** One stream of events, to its end, from the last one that was heard; whether anything came of it. */
async function stream(id, state, tell, signal) {
  const own = new AbortController();
  const stop = () => own.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  let [timer, came] = [0, false];
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => own.abort(), SILENT_MS);
  };
  try {
    heard();
    const headers = { Accept: "text/event-stream", ...(state.last === null ? {} : { "Last-Event-ID": state.last }) };
    const response = await request(jobPath(id, "/events"), { headers, signal: own.signal });
    for await (const event of events(response.body, heard)) {
      came = true;
      state.last = event.id ?? state.last;
      tell(JSON.parse(event.data));
      if (state.ended) { break; }
    }
    return came;
  } catch (error) {
    if (signal.aborted) { throw signal.reason; }
    if (error instanceof ApiError && !mayPass(error)) { throw error; }
    return came; // cut off, or held back: the job is asked for, which tells whether anybody is there
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    own.abort();
  }
}
