// The options of recipes, from the JSON Schemas that the service publishes.

/** What `node` of `root` says, references followed: null left out of unions, `nullable` in its place. */
export function resolved(root, node) {
  let one = node;
  for (let depth = 0; one && depth < 8; depth += 1) {
    if (one.$ref) {
      const target = one.$ref.replace(/^#\//, "").split("/").reduce((at, key) => at?.[key], root);
      const { $ref: _, ...own } = one;
      one = { ...target, ...own };
    } else if (one.allOf?.length === 1) {
      const { allOf, ...own } = one;
      one = { ...allOf[0], ...own };
    } else if (one.anyOf ?? one.oneOf) {
      const { anyOf, oneOf, ...own } = one;
      const kinds = (anyOf ?? oneOf).filter((kind) => kind.type !== "null");
      const nullable = kinds.length < (anyOf ?? oneOf).length;
      const kind = kinds.find((k) => resolved(root, k)?.type !== "string") ?? kinds[0];
      one = { ...kind, ...own, nullable: nullable || own.nullable };
    } else if (Array.isArray(one.type)) {
      const kinds = one.type.filter((kind) => kind !== "null");
      one = { ...one, type: kinds[0], nullable: kinds.length < one.type.length };
    } else {
      return one;
    }
  }
  return one ?? {};
}

/** All options of a recipe: `{key: "people.max_people", section, name, schema, value}`, the value its default. */
export function fieldsOf(recipe) {
  const root = recipe.options ?? {};
  const found = [];
  for (const [section, node] of Object.entries(root.properties ?? {})) {
    const schema = resolved(root, node);
    if (!schema.properties) {
      found.push({ key: section, section: null, name: section, schema, value: recipe.defaults?.[section] ?? schema.default ?? null });
      continue;
    }
    for (const [name, inner] of Object.entries(schema.properties)) {
      const one = resolved(root, inner);
      const value = recipe.defaults?.[section]?.[name];
      found.push({ key: `${section}.${name}`, section, name, schema: one, value: value === undefined ? one.default ?? null : value });
    }
  }
  return found;
}

/** `options` with the option at `key` set (null: left out), as a new object. A flat name of it goes. */
export function withOption(options, key, value) {
  const [section, name] = key.includes(".") ? key.split(".") : [null, key];
  const made = structuredClone(options ?? {});
  if (section !== null) { delete made[key]; delete made[name]; }
  const place = section === null ? made : (made[section] ??= {});
  if (value === null || value === undefined) { delete place[name]; } else { place[name] = value; }
  if (section !== null && Object.keys(place).length === 0) { delete made[section]; }
  return made;
}

/** The option at `key`, if it is given. */
export function optionAt(options, key) {
  const [section, name] = key.includes(".") ? key.split(".") : [null, key];
  return section === null ? options?.[name] : options?.[section]?.[name] ?? options?.[key] ?? options?.[name];
}

/** Whether two JSON values are the same. */
export const same = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value) {
  if (Array.isArray(value)) { return value.map(sorted); }
  if (value && typeof value === "object") { return Object.fromEntries(Object.entries(value).sort().map(([k, v]) => [k, sorted(v)])); }
  return value ?? null;
}
