// Runs on_target.wasm, the first argument, against the table in the second.
import { readFileSync } from "node:fs";

const [program, table] = process.argv.slice(2);
const bytes = readFileSync(table);
let at = 0;
const host = {
  next() {
    if (at === bytes.length) return -1n;
    at += 4;
    return BigInt(bytes.readUInt32LE(at - 4));
  },
  put: (character) => process.stdout.write(String.fromCodePoint(character)),
};
const { instance } = await WebAssembly.instantiate(readFileSync(program), { host });
process.exitCode = instance.exports.run() ? 0 : 1;
