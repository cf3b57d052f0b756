import * as ProjectPortsSuite from "@runlease/testkit/ProjectPortsSuite"
import { Layer } from "effect"
import { client, serve } from "./serving.js"
import { sqlite } from "./sqlite.js"

ProjectPortsSuite.suite("HTTP before SQLite", Layer.provide(client, serve(sqlite)))
