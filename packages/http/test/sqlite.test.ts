import * as ClaimRepeatSuite from "@runlease/testkit/ClaimRepeatSuite"
import * as ClaimWaitSuite from "@runlease/testkit/ClaimWaitSuite"
import * as HandOverSuite from "@runlease/testkit/HandOverSuite"
import * as LapseSuite from "@runlease/testkit/LapseSuite"
import * as PagesSuite from "@runlease/testkit/PagesSuite"
import * as RunLogSuite from "@runlease/testkit/RunLogSuite"
import * as TextSuite from "@runlease/testkit/TextSuite"
import { Layer } from "effect"
import { client, clients, serve } from "./serving.js"
import { sqlite } from "./sqlite.js"

// The client passes the suites of all ports before memory. What a file behind the server can change is how long a commit takes, and with it
// wake-ups, waits and exchanges in flight, and how large answers are read: claims, logs, pages and text.
const name = "HTTP before SQLite"
const layer = clients(serve(sqlite))

ClaimWaitSuite.suite(name, layer)
ClaimRepeatSuite.suite(name, layer)
HandOverSuite.suite(name, layer)
RunLogSuite.suite(name, layer)
PagesSuite.suite(name, layer)
TextSuite.suite(name, layer)
LapseSuite.suite(name, Layer.provide(client, serve(sqlite)))
