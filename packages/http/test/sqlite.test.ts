import * as LapseSuite from "@runlease/testkit/LapseSuite"
import * as ProjectPortsSuite from "@runlease/testkit/ProjectPortsSuite"
import { client, clients, serve } from "./serving.js"
import { Layer } from "effect"
import { sqlite } from "./sqlite.js"

ProjectPortsSuite.suite("HTTP before SQLite", clients(serve(sqlite)))
LapseSuite.suite("HTTP before SQLite", Layer.provide(client, serve(sqlite)))
