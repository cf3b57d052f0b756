import { MemoryControlPlane } from "@runlease/core"
import * as ProjectPortsSuite from "@runlease/testkit/ProjectPortsSuite"
import { clients, serveWithoutExchange } from "./serving.js"

ProjectPortsSuite.suite(
  "HTTP without exchanges, before memory",
  clients(serveWithoutExchange(MemoryControlPlane.layer)),
)
