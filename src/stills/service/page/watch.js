// Following a job: server-sent events over fetch (EventSource sends no token), and asking again where they do not come.

import { ApiError, getJson, jobPath, request } from "./api.js";
import { pause } from "./dom.js";

const SILENT_MS = 25000; // a comment comes every 15 s: a stream that is silent for longer is held back by a proxy
const POLL_MS = 2000;
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
  const state = { last: null, ended: false, streams: true, silent: 0 };
  const tell = (job) => { state.ended = ENDED.includes(job.state); onLink(true); onJob(job); };
  for (let failures = 0; !state.ended;) {
    try {
      if (state.streams) {
        await stream(id, state, tell, signal);
        if (!state.ended) { tell(await getJson(jobPath(id), { signal })); await pause(WAITS_MS[0], signal); }
      } else {
        tell(await getJson(jobPath(id), { signal }));
        if (!state.ended) { await pause(POLL_MS, signal); }
      }
      failures = 0;
    } catch (error) {
      if (signal.aborted) { return; }
      if (!mayPass(error)) { throw error; }
      onLink(false);
      const wait = Math.max(WAITS_MS[Math.min(failures++, WAITS_MS.length - 1)], (error.retryAfter ?? 0) * 1000);
      await pause(wait, signal).catch(() => {});
      if (signal.aborted) { return; }
    }
  }
}

/** One stream of events, to its end; it goes on after the last event that was heard. */
async function stream(id, state, tell, signal) {
  const own = new AbortController();
  const stop = () => own.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  let timer = 0;
  let cut = false;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => { cut = true; own.abort(); }, SILENT_MS);
  };
  try {
    heard();
    const headers = { Accept: "text/event-stream", ...(state.last === null ? {} : { "Last-Event-ID": state.last }) };
    const response = await request(jobPath(id, "/events"), { headers, signal: own.signal });
    for await (const event of events(response.body, heard)) {
      state.last = event.id ?? state.last;
      tell(JSON.parse(event.data));
      if (state.ended) { return; }
    }
  } catch (error) {
    if (signal.aborted) { throw signal.reason; }
    if (cut) { state.streams = ++state.silent < 2; return; } // twice in a row: this way leads nowhere
    throw error instanceof ApiError ? error : new ApiError(0, { title: "The connection was lost" });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    own.abort();
  }
}
