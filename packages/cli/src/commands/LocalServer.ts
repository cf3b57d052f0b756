/**
 * The port of a server in this process.
 */
import type * as HttpServer from "@effect/platform/HttpServer"
import { Layer } from "effect"
import { CommandFailure, ExitCode } from "../output/ExitCode.js"
import * as HttpListener from "./HttpListener.js"

/** Where a server listens, as a URL. */
export const urlOf = (address: HttpServer.Address): string =>
  address._tag === "TcpAddress"
    ? `http://${address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname}:${address.port}`
    : address.path

/** The port of the server. Fails with advice when it is not free. */
export const listener = (options: HttpListener.Options) =>
  HttpListener.layer(options).pipe(
    Layer.mapError(
      (error) =>
        new CommandFailure({
          message: `Cannot listen on ${options.host}:${options.port}: ${String(error.cause instanceof Error ? error.cause.message : error.cause)}`,
          hint: "Choose another with --port, or --port 0 for a free one.",
          exitCode: ExitCode.error,
        }),
    ),
  )
