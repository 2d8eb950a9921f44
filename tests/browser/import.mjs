// Pictures of a test's own, brought to what `cargo xtask up` runs.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { told } from "./told.mjs";

/** The id of a picture that is in storage, and in the gallery's list, from now on. */
export async function importFile(name, bytes) {
  const folder = await mkdtemp(join(tmpdir(), "import-"));
  try {
    const file = join(folder, name);
    await writeFile(file, bytes);
    const said = execFileSync(told("XTASK"), ["import", "--data", told("DATA"), file], { encoding: "utf8" });
    const [id] = said.match(/[0-9a-f]{8}-[0-9a-f-]{27}/);
    return id;
  } finally {
    await rm(folder, { recursive: true });
  }
}
