/** The faces that the command serves, in the order of their groups. */
import { A2aFace } from "@runlease/http-a2a"

export const faces = [A2aFace.face]
