/** The programs of docs/steps-of-a-program.md, and the commands that they call. */
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { folder } from "./Programs.js"

const page = fileURLToPath(new URL("../../../docs/steps-of-a-program.md", import.meta.url))

/** Each call adds its command line to the file CALLS. The first call that fetches page b does `first`, and has no result. */
const commands = (first: string) => ({
  "search-pages": 'echo "a b c"',
  "fetch-page": `[ "$1" = b ] && mkdir "$CALLS.first" 2> /dev/null && ${first}
echo "text-$1"`,
  "sum-up": 'echo "$# texts: $*"',
})

const hasPython = () => {
  try {
    execFileSync("python3", ["--version"])
    return true
  } catch {
    process.stderr.write("python3 is not here, so the documented program in Python is left out\n")
    return false
  }
}

const writeProgram = async (path: string, text: string) => {
  await writeFile(path, text)
  await chmod(path, 0o755)
}

/** The languages of the programs that can run here. */
export const languages: ReadonlyArray<"python" | "sh"> = hasPython() ? ["sh", "python"] : ["sh"]

/** The program in that language, and the environment in which it finds its commands. */
export const program = (language: "python" | "sh", first: "kill -KILL 0" | "exec sleep 1000") =>
  Effect.gen(function* () {
    const root = yield* folder
    const calls = join(root, "calls")
    yield* Effect.promise(async () => {
      const text = await readFile(page, "utf8")
      const [, block = ""] = new RegExp(`\`\`\`${language}\\n(#![\\s\\S]*?)\`\`\``).exec(text) ?? []
      await writeProgram(join(root, "program"), block)
      await mkdir(join(root, "bin"))
      for (const [name, script] of Object.entries(commands(first))) {
        const noted = `#!/bin/sh\necho "${name} $*" >> "$CALLS"\n${script}\n`
        await writeProgram(join(root, "bin", name), noted)
      }
    })
    return {
      command: join(root, "program"),
      env: { PATH: `${join(root, "bin")}:${process.env["PATH"]}`, CALLS: calls },
      calls: Effect.map(
        Effect.promise(() => readFile(calls, "utf8")),
        (text) => text.trim().split("\n"),
      ),
    }
  })

/** What the programs call in all, when the second attempt goes on behind the page that the first has fetched. */
export const expectedCalls = [
  "search-pages ",
  "fetch-page a",
  "fetch-page b",
  "fetch-page b",
  "fetch-page c",
  "sum-up text-a text-b text-c",
]
