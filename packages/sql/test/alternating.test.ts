import { PropertySuite } from "@runlease/testkit"
import { Effect, Layer } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as AlternatingPorts from "./AlternatingPorts.js"
import * as TempDatabase from "./TempDatabase.js"

const both = Layer.unwrapScoped(
  Effect.map(TempDatabase.filename, (filename) => {
    const plane = SqlControlPlane.layerSqlite({ filename })
    return AlternatingPorts.layer([plane, plane])
  }),
)

PropertySuite.suite("two control planes on one SQLite file", both, { runs: 100 })
