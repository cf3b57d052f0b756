import * as ProjectPortsSuite from "@runlease/testkit/ProjectPortsSuite"
import { clients, serve } from "./serving.js"
import { sqlite } from "./sqlite.js"

ProjectPortsSuite.suite("HTTP before SQLite", clients(serve(sqlite)))
