/** The reporter of this repository, over real failures. */
import { expect, it } from "vitest"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL("fixtures/failing", import.meta.url))

/** What a command prints without a terminal, in lines. */
const linesOf = (command: string): ReadonlyArray<string> => {
  // The commands of these failures are not those of the run that this test is in.
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, TEST_COMMANDS: undefined }
  const { stdout } = spawnSync("sh", ["-c", `${command} 2>&1`], { cwd: folder, encoding: "utf8", env })
  return stdout.trimEnd().split("\n")
}

it("a run with failures ends with commands that run each of them alone, as they are printed", () => {
  const [title, ...commands] = linesOf("npx vitest run").slice(-3)
  expect(title).toBe("Run each failed test alone:")
  expect(commands).toHaveLength(2)
  const alone = commands.map((command) => linesOf(command).map((line) => line.trim()))
  expect(alone.flat()).toContain("Tests  1 failed | 1 skipped (2)")
  expect(alone.flat()).toContain("Error: fails outside of a test")
  for (const [index, lines] of alone.entries()) {
    expect(lines.filter((line) => line === "Test Files  1 failed (1)")).toHaveLength(1)
    expect(lines.at(-1)).toBe(commands[index]!.trim())
  }
})
