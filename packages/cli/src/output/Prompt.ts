/**
 * Questions to the person at the terminal.
 */
import { Effect } from "effect"
import { createInterface } from "node:readline"
import * as Terminal from "./Terminal.js"

/** Whether stdin and stdout are a terminal, so that a prompt reaches a person. */
export const isInteractive = Effect.sync(() => process.stdin.isTTY === true && process.stdout.isTTY === true)

/** Reads one typed line. The terminal itself edits it, so that Ctrl-C still interrupts the command. */
export const line = (question: string): Effect.Effect<string> =>
  Effect.async((resume) => {
    const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: false })
    lines.question(Terminal.finished(question), (typed) => {
      lines.close()
      resume(Effect.succeed(typed))
    })
    return Effect.sync(() => lines.close())
  })
