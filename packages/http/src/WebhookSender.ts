/** What sends the messages of webhooks. Its parts are loaded when a message is due. */
import { ControlPlane } from "@runlease/core"
import { Config, ConfigError, Effect, Layer } from "effect"
import type * as SendWebhooks from "./server/SendWebhooks.js"

export type Options = Omit<SendWebhooks.Options, "allowed"> & {
  /** Networks that messages may go to although they are not public, such as `10.0.0.0/8,127.0.0.1`. None when absent. */
  readonly allow?: string | undefined
}

/**
 * Sends the messages of all projects until the Scope closes. Any number of servers may have it: a message belongs to the one that has
 * claimed it.
 *
 * Fails: `ConfigError` where `allow` is not a list of networks.
 */
export const layerWith = ({
  allow = "",
  ...options
}: Options): Layer.Layer<never, ConfigError.ConfigError, ControlPlane.ControlPlane> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const controlPlane = yield* ControlPlane.ControlPlane
      // A list that is wrong stops the server before it starts, so it is read at once.
      const isWrong =
        allow !== "" &&
        (yield* Effect.promise(() => import("./server/PublicAddress.js"))).networks(allow) === undefined
      if (isWrong) {
        return yield* Effect.fail(
          ConfigError.InvalidData(
            ["RUNLEASE_WEBHOOK_ALLOW"],
            "must be networks with commas, such as 10.0.0.0/8,127.0.0.1",
          ),
        )
      }
      yield* Effect.forkScoped(
        controlPlane.deliveries.due.pipe(
          Effect.zipRight(
            Effect.promise(() =>
              Promise.all([import("./server/SendWebhooks.js"), import("./server/PublicAddress.js")]),
            ),
          ),
          Effect.flatMap(([{ run }, { networks: parse }]) =>
            Effect.scoped(run(controlPlane, { ...options, allowed: parse(allow)! })),
          ),
        ),
      )
    }),
  )

/** As `layerWith`, with the networks of RUNLEASE_WEBHOOK_ALLOW. */
export const layerConfig: Layer.Layer<never, ConfigError.ConfigError, ControlPlane.ControlPlane> =
  Layer.unwrapEffect(
    Effect.map(Config.withDefault(Config.string("RUNLEASE_WEBHOOK_ALLOW"), ""), (allow) =>
      layerWith({ allow }),
    ),
  )
