import { BrowserToken, type BrowserTokens } from "@runlease/core"
import { type Context, Effect, ParseResult, Redacted, Schema } from "effect"
import * as Api from "../Api/Tokens.js"
import { camelCase } from "../contract/ScheduleVerdicts.js"
import * as Strict from "../contract/Strict.js"
import { Issued, NewToken } from "../Wire/BrowserToken.js"
import { Extensions, missing } from "./Extensions.js"
import { path, Transport } from "./Transport.js"

const encode = Schema.encodeUnknown(NewToken)

/** The body of a request; a value that the wire does not take is refused here as the server would refuse it. */
const bodyOf = (token: BrowserTokens.NewToken) =>
  Effect.mapError(encode(token), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    return new BrowserToken.InvalidBrowserToken({
      field: camelCase(issue?.path.map(String).join(".") ?? ""),
      message: issue === undefined ? "is malformed" : Strict.sentence(issue),
    })
  })

const purpose = "make tokens for browsers"

export const make = (
  project: string,
): Effect.Effect<Context.Tag.Service<BrowserTokens.BrowserTokens>, never, Extensions | Transport> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const extensions = yield* Extensions
    return {
      issue: Effect.fnUntraced(function* (token) {
        const operation = "BrowserTokens.issue"
        if (!extensions) return yield* missing(operation, purpose)
        const issued = yield* transport.call(
          {
            operation,
            method: "POST",
            path: path`/projects/${project}/tokens`,
            body: yield* bodyOf(token),
            success: Issued,
          },
          ["InvalidBrowserToken"],
        )
        return { token: Redacted.make(issued.token), expiresAt: issued.expires_at }
      }),
      rotate: extensions
        ? Effect.asVoid(
            transport.call(
              {
                operation: "BrowserTokens.rotate",
                method: "POST",
                path: path`/projects/${project}/tokens/rotate`,
                success: Api.Rotated,
              },
              [],
            ),
          )
        : missing("BrowserTokens.rotate", purpose),
    }
  })
