import { assert, describe, it } from "@effect/vitest"
import { keyCaps, strokeOf, strokesOf, type KeyEvent } from "../web/src/ui/strokes.js"

const press = (key: string, held: Partial<Omit<KeyEvent, "key">> & { readonly altGraph?: boolean } = {}) =>
  strokeOf({
    key,
    ctrlKey: false,
    metaKey: false,
    altKey: false,
    shiftKey: false,
    getModifierState: (name) => name === "AltGraph" && held.altGraph === true,
    ...held,
  })

describe("strokes of keyboard events", () => {
  it("are the same whether Caps Lock is on or not", () => {
    assert.strictEqual(press("j"), "j")
    assert.strictEqual(press("J"), "j")
    assert.strictEqual(press("X", { shiftKey: true }), "Shift x")
  })
  it("have the Shift of a character inside it", () => {
    assert.strictEqual(press("?", { shiftKey: true }), "?")
    assert.strictEqual(press("/", { shiftKey: true }), "/")
    assert.strictEqual(press("Enter", { shiftKey: true }), "Shift Enter")
  })
  it("take Ctrl and Cmd for the same", () => {
    assert.strictEqual(press("k", { ctrlKey: true }), "Mod k")
    assert.strictEqual(press("k", { metaKey: true }), "Mod k")
  })
  it("find brackets behind AltGr, and leave Alt to the browser", () => {
    assert.strictEqual(press("[", { ctrlKey: true, altKey: true, altGraph: true }), "[")
    assert.isUndefined(press("ArrowLeft", { altKey: true }))
    assert.isUndefined(press("Shift", { shiftKey: true }))
  })
})

describe("keys as they are written", () => {
  it("are one stroke with modifiers, or one after the other", () => {
    assert.deepStrictEqual(strokesOf("Shift x"), ["Shift x"])
    assert.deepStrictEqual(strokesOf("Mod Enter"), ["Mod Enter"])
    assert.deepStrictEqual(strokesOf("g o"), ["g", "o"])
  })
  it("are shown as they are printed on the keyboard", () => {
    assert.deepStrictEqual(keyCaps("Mod k", false), ["Ctrl", "K"])
    assert.deepStrictEqual(keyCaps("Mod k", true), ["⌘", "K"])
    assert.deepStrictEqual(keyCaps("g o", false), ["g", "o"])
  })
})
