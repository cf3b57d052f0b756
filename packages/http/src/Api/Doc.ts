/**
 * How an endpoint is described.
 *
 * @since 0.1.0
 */
import { OpenApi } from "@effect/platform"

export const of = (summary: string, description: string) => OpenApi.annotations({ summary, description })
