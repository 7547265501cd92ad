// YAML text to documents, with bounds around the parser of `yaml`: it recurses as deep as the text nests and makes an error of
// every character that it cannot place, so that a text could take its stack, or a thousand times its size of the heap.
import { Composer, type CST, type Document, Lexer, type ParsedNode, Parser } from "yaml";

export interface Composed {
  readonly documents: readonly Document.Parsed[];
  /** Why the rest of the text was not read, and where that was. */
  readonly stopped: { readonly offset: number; readonly message: string } | undefined;
}

type Composing = Document.Parsed<ParsedNode, true>;

/** Collections that may be open at a time. Far more than a document may nest, so that the refusal of those can say where. */
const MAX_OPEN = 512;
/** After so many characters that stand in no place the text is given up: each is an error of its own. */
const MAX_ERRORS = 100;
const MORE = "the first of many errors: ";
// Unique keys are checked by readNode: the parser's own check takes quadratic time.
const OPTIONS = { uniqueKeys: false, prettyErrors: false, logLevel: "silent" } as const;

/** Never throws. What was read before the parser had to be stopped is given, and is not to be used. */
export function composeDocuments(text: string): Composed {
  const { stackTraceLimit } = Error;
  // An error's place is in the text; its stack costs more than all the rest.
  Error.stackTraceLimit = 0;
  const run = new ComposeRun();
  try {
    return { documents: run.documents, stopped: run.read(text) };
  } catch {
    return { documents: run.documents, stopped: { offset: run.offset, message: "cannot be read: it is too complex" } };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

class ComposeRun {
  readonly documents: Document.Parsed[] = [];
  readonly #parser = new Parser();
  readonly #composer = new Composer(OPTIONS);
  readonly #errors: CST.ErrorToken[] = [];

  get offset(): number {
    return this.#parser.offset;
  }

  read(text: string): Composed["stopped"] {
    for (const lexeme of new Lexer().lex(text)) {
      this.#take(this.#parser.next(lexeme));
      if (this.#parser.stack.length > MAX_OPEN) return { offset: this.offset, message: "nested too deeply" };
      const [first] = this.#errors;
      if (first !== undefined && this.#errors.length > MAX_ERRORS)
        return { offset: first.offset, message: `${MORE}${first.message}` };
    }
    this.#take(this.#parser.end());
    this.#keep(this.#composer.end());
    return undefined;
  }

  #take(tokens: ReturnType<Parser["next"]>): void {
    for (const token of tokens) {
      if (token.type === "error") this.#errors.push(token);
      this.#keep(this.#composer.next(token));
    }
  }

  #keep(composed: Iterable<Composing>): void {
    for (const document of composed) this.documents.push(document);
  }
}
