// Having files on the user's disk: by a plain link where no token is needed, else through the page.

import { jobPath, request, token, url } from "./api.js";
import { el } from "./dom.js";
import { zipped } from "./zip.js";

/** Have the browser save `blob` as `name`. */
export function saveBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  click(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

function click(href, name) {
  const link = el("a", { href, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
}

/** Save what is at `rest` below a job as `name`. Throws `ApiError` where the job is gone, or the file is not there. */
export async function saveFile(id, rest, name) {
  if (token() === null) {
    await request(jobPath(id)); // a plain link has nobody to tell what went wrong
    click(url(jobPath(id, rest)), name);
  } else {
    saveBlob(await (await request(jobPath(id, rest), { headers: { Accept: "*/*" } })).blob(), name);
  }
}

/** Save one artifact. */
export const saveArtifact = (id, name) => saveFile(id, `/artifacts/${encodeURIComponent(name)}?download=1`, name);

/** Save all that a job has made, as a zip. */
export const saveArchive = (job) => saveFile(job.id, "/archive.zip", `${stem(job.name)}-${job.recipe}.zip`);

/** Save files `{name, path}` as one zip; `onProgress` hears how many there are already. */
export async function saveZip(files, name, onProgress = () => {}) {
  const got = [];
  for (const { name: file, path } of files) {
    got.push({ name: file, blob: await (await request(path, { headers: { Accept: "*/*" } })).blob() });
    onProgress(got.length, files.length);
  }
  saveBlob(await zipped(got), name);
}

/** A file's name without its ending. */
export function stem(name) {
  return name.replace(/\.[^.]{1,5}$/, "") || "video";
}
