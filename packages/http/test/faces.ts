/** The faces of a server of these tests, which are those of the command. */
import { A2aFace } from "@runlease/http-a2a"

export const faces = [A2aFace.face]
