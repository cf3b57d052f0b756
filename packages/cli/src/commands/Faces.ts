/** The protocols that a server of this command speaks. Each face has its endpoints at once, and loads their handlers at the first request. */
import * as A2aFace from "@runlease/http-a2a/A2aFace"
import * as ChatFace from "@runlease/http-chat/ChatFace"
import * as McpFace from "@runlease/http-mcp/McpFace"
import * as ResponsesFace from "@runlease/http-responses/ResponsesFace"
import type * as Face from "@runlease/http/face/Face"

export const faces: ReadonlyArray<Face.Face> = [McpFace.face, A2aFace.face, ResponsesFace.face, ChatFace.face]
