// Reads an OpenAPI 3.1 document: its operations, and the shapes of JSON as people read them. Pure.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  prefixItems?: Schema[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

type Content = Record<string, { schema?: Schema }>;

interface RawOperation {
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: (Parameter | { $ref: string })[];
  requestBody?: { content?: Content };
  responses?: Record<string, { $ref?: string; description?: string; content?: Content }>;
}

export interface Document {
  paths: Record<string, Record<string, RawOperation> & { parameters?: Parameter[] }>;
  components?: Record<string, Record<string, object>>;
}

export interface Operation {
  tag: string;
  method: string;
  path: string;
  summary: string;
  description: string;
  parameters: Parameter[];
  body: { type: string; schema: Schema | undefined }[];
  answers: { status: string; description: string; schema: Schema | undefined }[];
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

export function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) =>
      operationOf(document, path, method, item[method] ?? {}),
    ),
  );
}

function operationOf(document: Document, path: string, method: string, raw: RawOperation): Operation {
  const answers = Object.entries(raw.responses ?? {}).map(([status, told]) => {
    const answer = resolve(document, told) as typeof told;
    return {
      status,
      description: answer.description ?? '',
      schema: Object.values(answer.content ?? {})[0]?.schema,
    };
  });
  return {
    tag: raw.tags?.[0] ?? '–',
    method: method.toUpperCase(),
    path,
    summary: raw.summary ?? '',
    description: raw.description ?? '',
    parameters: (raw.parameters ?? []).map((parameter) => resolve(document, parameter) as Parameter),
    body: Object.entries(raw.requestBody?.content ?? {}).map(([type, { schema }]) => ({ type, schema })),
    answers,
  };
}

/** What a reference names, or the thing itself. */
function resolve(document: Document, thing: object): object {
  const reference = (thing as { $ref?: string }).$ref;
  if (!reference) return thing;
  const [, , kind = '', name = ''] = reference.split('/');
  return document.components?.[kind]?.[name] ?? {};
}

/** Shapes inside shapes that are written out; deeper ones are named. */
const DEPTH_MAX = 6;

/** A schema as a shape that people read: `{ "present": integer, "people": [text] }`. */
export function shapeOf(schema: Schema | undefined, document: Document, depth = 0, indent = ''): string {
  if (!schema) return 'any';
  if (schema.$ref && depth >= DEPTH_MAX) return schema.$ref.split('/').pop() ?? 'any';
  const known = resolve(document, schema) as Schema;
  const inner = (one: Schema) => shapeOf(one, document, depth + 1, `${indent}  `);
  if (known.enum) return known.enum.map((one) => JSON.stringify(one)).join(' | ');
  if (known.const !== undefined) return JSON.stringify(known.const);
  const choices = known.oneOf ?? known.anyOf;
  if (choices) return [...new Set(choices.map(inner))].join(' | ');
  if (known.allOf) return known.allOf.map(inner).join(' & ');
  if (known.properties) return objectOf(known, inner, indent);
  if (known.prefixItems) return `[${known.prefixItems.map(inner).join(', ')}]`;
  if (known.items) return `[${inner(known.items)}]`;
  if (typeof known.additionalProperties === 'object') return `{ …: ${inner(known.additionalProperties)} }`;
  return [known.type ?? 'any'].flat().join(' | ') + (known.format ? ` (${known.format})` : '');
}

function objectOf(schema: Schema, inner: (one: Schema) => string, indent: string): string {
  const lines = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const mark = schema.required?.includes(name) ? '' : '?';
    return `${indent}  "${name}"${mark}: ${inner(property)}`;
  });
  return `{\n${lines.join(',\n')}\n${indent}}`;
}
