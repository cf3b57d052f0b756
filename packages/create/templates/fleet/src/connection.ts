import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { NodeContext } from "@effect/platform-node"
import { Client } from "@runlease/http"
import { Config, Effect, Layer } from "effect"
import { devKey } from "./DevKey.js"

/** The server that RUNLEASE_URL names, with the key of RUNLEASE_API_KEY; else the one that `npm run dev` starts on this machine. */
export const connection = Layer.unwrapEffect(
  Effect.gen(function* () {
    const baseUrl = yield* Config.withDefault(Config.string("RUNLEASE_URL"), "http://127.0.0.1:4400")
    return Client.layerWith({ baseUrl, token: yield* devKey })
  }),
).pipe(Layer.provide([FetchHttpClient.layer, NodeContext.layer]))
