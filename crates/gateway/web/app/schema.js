// The members of requests in the API's description: type, bounds, default and meaning.

/** The schema of an object, with references resolved. */
export class Schema {
  constructor(document, node) {
    this.document = document;
    this.node = node;
  }

  /** The schema with this name. */
  static named(document, name) {
    return new Schema(document, document.components.schemas[name]);
  }

  /** The schema with references resolved and without "or null". Members beside a reference are kept. */
  resolved() {
    let node = this.node;
    for (let depth = 0; node && depth < 10; depth += 1) {
      const { $ref, oneOf, anyOf, allOf, ...beside } = node;
      const some = (oneOf ?? anyOf ?? allOf)?.filter((one) => one.type !== "null");
      if ($ref) node = { ...this.document.components.schemas[$ref.split("/").pop()], ...beside };
      else if (allOf && allOf.length > 1) {
        const parts = allOf.map((part) => new Schema(this.document, part).resolved());
        return { ...beside, properties: Object.assign({}, ...parts.map((part) => part.properties)), required: parts.flatMap((part) => part.required ?? []) };
      } else if (some?.length === 1) node = { ...some[0], ...beside };
      else break;
    }
    return node ?? {};
  }

  /** The schema of the member at a JSON pointer; null if there is none. A number selects an entry of a list. */
  at(pointer) {
    let schema = this;
    for (const name of pointer.split("/").slice(1)) {
      const node = schema.resolved();
      const next = /^\d+$/.test(name) ? node.items : (node.properties?.[name] ?? schema.variants().find((one) => one.at(`/${name}`))?.resolved().properties[name]);
      if (!next) return null;
      schema = new Schema(this.document, next);
    }
    return schema;
  }

  /** The variants of an object, if one of its members is a tag. */
  variants() {
    const { discriminator } = this.resolved();
    return Object.values(discriminator?.mapping ?? {}).map(($ref) => new Schema(this.document, { $ref }));
  }

  /** The schema of a variant, by the value of its tag. */
  variant(word) {
    const $ref = this.resolved().discriminator?.mapping?.[word];
    return $ref ? new Schema(this.document, { $ref }) : null;
  }

  /** An initial value: the required members, as in the description's examples. */
  example() {
    const node = this.resolved();
    if (node.const !== undefined) return node.const;
    if (node.examples?.length) return node.examples[0];
    if (node.default !== undefined && node.default !== null) return node.default;
    if (node.discriminator) return new Schema(this.document, { $ref: Object.values(node.discriminator.mapping)[0] }).example();
    switch (this.type()) {
      case "object":
        return Object.fromEntries((node.required ?? []).map((name) => [name, this.at(`/${name}`).example()]));
      case "array":
        return Array.from({ length: Math.max(1, node.minItems ?? 1) }, () => new Schema(this.document, node.items).example());
      case "number":
        return Math.max(node.minimum ?? 0, 0);
      default:
        return this.choices()?.[0] ?? "";
    }
  }

  /** Names of the members of an object. */
  members() {
    return Object.keys(this.resolved().properties ?? {});
  }

  /** `number`, `string`, `boolean`, `object` or `array`, without null. An integer is a number. */
  type() {
    const node = this.resolved();
    const type = [node.type ?? node.oneOf?.find((one) => one.type && one.type !== "null")?.type].flat().find((one) => one && one !== "null");
    return type === "integer" ? "number" : (type ?? (node.properties || node.discriminator ? "object" : "string"));
  }

  /** The allowed values, if they are listed. */
  choices() {
    const node = this.resolved();
    return (node.enum ?? node.items?.enum)?.filter((value) => value !== null) ?? null;
  }
}

/** The value at a JSON pointer, or undefined. */
export function valueAt(value, pointer) {
  return pointer.split("/").slice(1).reduce((one, name) => one?.[name], value);
}

/** Sets the value at a JSON pointer; `undefined` removes it and parents that become empty. */
export function setAt(root, pointer, value) {
  const names = pointer.split("/").slice(1);
  const last = names.pop();
  const path = [root];
  for (const [index, name] of names.entries()) {
    const parent = path.at(-1);
    if (parent[name] === undefined || parent[name] === null) {
      if (value === undefined) return;
      parent[name] = /^\d+$/.test(names[index + 1] ?? last) ? [] : {};
    }
    path.push(parent[name]);
  }
  const owner = path.at(-1);
  if (value !== undefined) {
    owner[last] = value;
    return;
  }
  if (Array.isArray(owner)) owner.splice(Number(last), 1);
  else delete owner[last];
  for (let depth = names.length; depth > 0; depth -= 1) {
    const [parent, name] = [path[depth - 1], names[depth - 1]];
    // Empty sections and empty entries of lists stay.
    if (depth === 1 || Array.isArray(parent) || Object.keys(parent[name]).length > 0) break;
    delete parent[name];
  }
}
