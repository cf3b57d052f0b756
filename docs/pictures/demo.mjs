/**
 * Records `npx pnpm@10 demo` in a terminal of its own and draws docs/pictures/demo.svg from it: `node docs/pictures/demo.mjs`, at the root
 * of the checkout. It needs `script` of util-linux. The picture begins at the demo's first line, behind pnpm's; the paths of this machine
 * and the API key are shortened.
 */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const columns = 120
const rows = 36
const folder = mkdtempSync(join(tmpdir(), "runlease-recording-"))
const [output, timing, cast] = ["output", "timing", "demo.cast"].map((name) => join(folder, name))

/** A pseudo terminal that `script` makes has no size until the program in it sets one. */
const command = `stty cols ${columns} rows ${rows}; npx pnpm@10 demo`

const title = "\u001b[1mRunlease"

const readable = (text) =>
  text
    .replaceAll(process.cwd(), "~/runlease")
    .replaceAll(/rlk_[0-9a-f]+/g, "rlk_…")
    .replaceAll(/runlease-demo-[0-9a-f-]+/g, "runlease-demo-…")

try {
  // Its input stays open: the end of it would answer the demo's question.
  const recorder = spawn("script", ["-qefc", command, "--log-out", output, "--log-timing", timing], {
    stdio: ["pipe", "ignore", "inherit"],
  })
  const [code] = await once(recorder, "exit")
  if (code !== 0) throw new Error(`the demo ended with ${code}`)

  // `script` writes a line of its own before the output.
  const bytes = readFileSync(output)
  let at = bytes.indexOf("\n") + 1
  let time = 0
  const decoder = new TextDecoder()
  const chunks = []
  for (const line of readFileSync(timing, "utf8").trim().split("\n")) {
    const [delay, length] = line.split(" ").map(Number)
    time += delay
    chunks.push([time, decoder.decode(bytes.subarray(at, at + length), { stream: true })])
    at += length
  }

  const first = chunks.findIndex(([, text]) => text.includes(title))
  if (first === -1) throw new Error("the demo's first line is not in the recording")
  const [start, opening] = chunks[first]
  const events = [
    [0, "$ npx pnpm@10 demo\r\n\r\n"],
    [0.5, opening.slice(opening.indexOf(title))],
    ...chunks.slice(first + 1).map(([at, text]) => [at - start + 0.5, text]),
  ]
  // Each frame is drawn whole, so what comes within a third of a second is one frame.
  const frames = []
  for (const [at, text] of events) {
    if (frames.length > 1 && at - frames.at(-1)[0] < 0.33) frames.at(-1)[1] += text
    else frames.push([at, text])
  }
  frames.push([events.at(-1)[0] + 6, " "])
  const lines = [
    { version: 2, width: columns, height: rows },
    ...frames.map(([at, text]) => [at, "o", readable(text)]),
  ]
  writeFileSync(cast, lines.map((line) => JSON.stringify(line)).join("\n"))
  execFileSync(
    "npx",
    ["--yes", "svg-term-cli@2.1.1", "--in", cast, "--out", "docs/pictures/demo.svg", "--window"],
    {
      stdio: ["ignore", "ignore", "inherit"],
    },
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
