import { expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const script = fileURLToPath(new URL("fixtures/report.ts", import.meta.url))

it("a script that ends has written all of its report into a pipe", async () => {
  const command = '"$0" --import tsx "$1" | cat | tail -n 1'
  const { stdout } = await promisify(execFile)("sh", ["-c", command, process.execPath, script])
  expect(stdout).toBe("last line\n")
})
