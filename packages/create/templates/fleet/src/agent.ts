/** What the agent does, in the worker of that name. */
import { Step } from "@runlease/core"
import { Effect } from "effect"
import { Task } from "./task.js"

/** A stand-in for a language model, which takes its time and needs no key. README.md shows a real one. */
const think = (number: number) => Effect.as(Effect.sleep("200 millis"), `Thought about ${number}`)

export const agentOf = (worker: string) =>
  Task.toLayer(({ number }) => Effect.map(Step.run("think", think(number)), (answer) => ({ worker, answer })))
