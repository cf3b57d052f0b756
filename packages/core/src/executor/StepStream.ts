/** A Stream as the body of a step. */
import { Effect, Predicate, Stream } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import { Result } from "./AgentResult.js"
import * as Emit from "./Emit.js"

export type Piece = string | AgentEvent.AgentEvent | Result<unknown>

/** What the step returns: the value of the result where the Stream may have one, else the text. */
export type ValueOf<P> = [Extract<P, Result<unknown>>] extends [never]
  ? string
  : Extract<P, Result<unknown>>["value"]

const isText = AgentEvent.is("TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CHUNK")

/** Emits the text and the events as they come, and returns the value. */
export const collected = <P extends Piece, E, R>(
  body: Stream.Stream<P, E, R>,
): Effect.Effect<ValueOf<P>, E, R | Emit.Emit> =>
  Effect.flatMap(Emit.Emit, ({ emit }) => {
    let value: { readonly of: unknown } | undefined
    let text = ""
    const outputOf = (piece: Piece): string | ReadonlyArray<AgentEvent.AgentEvent> => {
      if (piece instanceof Result) {
        value = { of: piece.value }
        return []
      }
      if (Predicate.isString(piece)) {
        text += piece
        return piece
      }
      if (isText(piece)) text += piece.delta ?? ""
      return [piece]
    }
    return Effect.map(
      Stream.runForEach(body, (piece) => emit(outputOf(piece))),
      () => (value === undefined ? text : value.of) as ValueOf<P>,
    )
  })
