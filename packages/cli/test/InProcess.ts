/**
 * Runs the command within the process that calls it, for tests. It is bundled with the command, so it runs the same code as a process
 * does, without the start of one.
 */
import { Effect } from "effect"
import { Console } from "node:console"
import { Readable, Writable } from "node:stream"
import * as Overview from "../src/help/Overview.js"
import * as Runlease from "../src/Runlease.js"

/** What a process of the command has of its own. */
export interface Surroundings {
  /** The path of the bundled command. */
  readonly script: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly stdin: string
}

/** The exit code and the whole output. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A stream that collects what is written to it, and is no terminal. */
const collector = () => {
  const chunks: Array<Buffer> = []
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk)
      done()
    },
  })
  return { stream, text: () => Buffer.concat(chunks).toString() }
}

/** Replaces properties of an object. The result restores them. */
const replace = (object: object, values: Readonly<Record<string, unknown>>): (() => void) => {
  const before = Object.getOwnPropertyDescriptors(object) as Record<string, PropertyDescriptor>
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(object, name, { value, configurable: true, enumerable: true, writable: true })
  }
  return () => {
    for (const name of Object.keys(values)) Object.defineProperty(object, name, before[name]!)
  }
}

/** The command line, which logs to `console`: the default of Effect is the console that was there when Effect was loaded. */
const main = (argv: ReadonlyArray<string>) =>
  Effect.consoleWith((current) =>
    Effect.withConsole(Runlease.main(argv), { ...current, unsafe: globalThis.console }),
  )

/**
 * Runs a command line to its end; `signal` interrupts it. One command at a time: the environment, the working folder and the streams
 * are those of the whole process, and are put back at the end.
 */
export const run = async (
  args: ReadonlyArray<string>,
  { cwd, env, script, stdin }: Surroundings,
  signal: AbortSignal,
): Promise<Outcome> => {
  const stdout = collector()
  const stderr = collector()
  const argv = [process.execPath, script, ...args]
  const before = process.cwd()
  const putBack = [
    replace(process, {
      argv,
      env: { ...env },
      stdin: Readable.from(stdin === "" ? [] : [Buffer.from(stdin)]),
      stdout: stdout.stream,
      stderr: stderr.stream,
    }),
    replace(globalThis, { console: new Console(stdout.stream, stderr.stream) }),
  ]
  process.chdir(cwd)
  try {
    // As `bin.ts` does.
    const answer = Overview.answer(args)
    if (answer !== undefined) stdout.stream.write(answer)
    const code = answer === undefined ? await Effect.runPromise(main(argv), { signal }) : 0
    return { code, stdout: stdout.text(), stderr: stderr.text() }
  } finally {
    process.chdir(before)
    for (const each of putBack) each()
  }
}
