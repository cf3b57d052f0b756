/** Adds examples to the endpoints that a user calls, in the description of the API. */
import { Predicate, Record as Records } from "effect"
import * as Bulk from "./examples/Bulk.js"
import * as Observe from "./examples/Observe.js"
import * as Schedules from "./examples/Schedules.js"
import * as Tokens from "./examples/Tokens.js"
import * as Users from "./examples/Users.js"

/** A request to an endpoint, and its answer. */
export interface Example {
  readonly sent?: unknown
  readonly answer: unknown
}

/** By `group.endpoint`. */
export const examples: Readonly<Record<string, Example>> = {
  ...Users.examples,
  ...Observe.examples,
  ...Schedules.examples,
  ...Bulk.examples,
  ...Tokens.examples,
}

/** The content of a body, every media type with the example. */
const contentWith = (body: unknown, example: unknown): unknown =>
  Predicate.isRecord(body) && Predicate.isRecord(body["content"])
    ? {
        ...body,
        content: Records.map(body["content"], (media) => ({ ...(media as object), example })),
      }
    : body

type Examples = Readonly<Record<string, Example>>

/** An operation of the description, with its example where there is one. */
const operationWith =
  (all: Examples) =>
  (operation: unknown): unknown => {
    if (!Predicate.isRecord(operation)) return operation
    const example = all[String(operation["operationId"])]
    const { requestBody, responses } = operation
    if (example === undefined || !Predicate.isRecord(responses)) return operation
    return {
      ...operation,
      ...(example.sent === undefined ? {} : { requestBody: contentWith(requestBody, example.sent) }),
      responses: Records.map(responses, (response, status) =>
        status.startsWith("2") ? contentWith(response, example.answer) : response,
      ),
    }
  }

/** The paths of the description, their operations with these examples. */
export const add = (
  all: Examples,
  paths: Readonly<Record<string, object>>,
): Readonly<Record<string, object>> =>
  Records.map(paths, (methods) => Records.map(methods as Record<string, unknown>, operationWith(all)))
