import { MemoryControlPlane } from "@runlease/store"
import * as WebhooksSuite from "@runlease/testkit/WebhooksSuite"
import { Layer } from "effect"
import { client, serve } from "./serving.js"

const store = MemoryControlPlane.layer

// The port is that of the client; what a client does not have is that of the store.
WebhooksSuite.suite("HTTP before memory", Layer.provideMerge(client, Layer.provideMerge(serve(store), store)))
