// A zip file of pictures, made in the page: stored, as pictures do not get smaller. APPNOTE 6.3.10, without Zip64.

const TABLE = new Uint32Array(256).map((_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) { value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1; }
  return value;
});

/** CRC-32 (IEEE 802.3) of bytes. */
export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) { value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8); }
  return (value ^ 0xffffffff) >>> 0;
}

const UTF8 = 0x0800;
const MOST_BYTES = 0xffffffff;

function header(size, ...fields) {
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) { view.setUint16(at, value, true); } else { view.setUint32(at, value, true); }
    at += width;
  }
  return new Uint8Array(view.buffer);
}

/** A zip (`Blob`) of files `{name, blob}`. Names that occur twice get a number. Throws where it would be 4 GB or more. */
export async function zipped(files) {
  const now = new Date();
  const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
  const day = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  const [parts, central, taken] = [[], [], new Set()];
  let offset = 0;
  for (const { name, blob } of files) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const path = new TextEncoder().encode(fresh(name, taken));
    const common = [[2, 20], [2, UTF8], [2, 0], [2, time], [2, day], [4, crc32(bytes)], [4, bytes.length], [4, bytes.length], [2, path.length], [2, 0]];
    const local = header(30, [4, 0x04034b50], ...common);
    central.push(header(46, [4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), path);
    parts.push(local, path, blob);
    offset += local.length + path.length + bytes.length;
    if (offset >= MOST_BYTES) { throw new Error("these are too many pictures for one zip file: choose fewer"); }
  }
  const length = central.reduce((sum, part) => sum + part.length, 0);
  const end = header(22, [4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, length], [4, offset], [2, 0]);
  return new Blob([...parts, ...central, end], { type: "application/zip" });
}

function fresh(name, taken) {
  const [stem, dot, end] = name.includes(".") ? [name.slice(0, name.lastIndexOf(".")), ".", name.slice(name.lastIndexOf(".") + 1)] : [name, "", ""];
  let path = name;
  for (let number = 2; taken.has(path); number += 1) { path = `${stem}-${number}${dot}${end}`; }
  taken.add(path);
  return path;
}
