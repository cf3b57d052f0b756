import { MemoryControlPlane } from "@runlease/store"
import * as LapseSuite from "@runlease/testkit/LapseSuite"
import * as ProjectPortsSuite from "@runlease/testkit/ProjectPortsSuite"
import { Layer } from "effect"
import { client, clients, serveWithoutExchange } from "./serving.js"

ProjectPortsSuite.suite(
  "HTTP without exchanges, before memory",
  clients(serveWithoutExchange(MemoryControlPlane.layer)),
)
LapseSuite.suite(
  "HTTP without exchanges, before memory",
  Layer.provide(client, serveWithoutExchange(MemoryControlPlane.layer)),
)
