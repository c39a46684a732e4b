#!/usr/bin/python3
"""Makes the reference out of lua/doc/ref: Markdown pages and the types for editors.

usage: generate.py [--check]     writes what has changed; --check only says what is not current

ref/pages.ref lists the pages and their parts, each of which is a file ref/NAME.ref. A part is
Markdown with tags, one a line; what a tag says goes on in lines that begin with two blanks:

    @module NAME            what `require` takes; @service NAME for a service, @chapter TITLE for
                            text alone
    @as NAME                the variable that the examples call it by; default: the last word of the
                            module's name
    @result TYPE            what `require` returns, if it is no table
    @since VERSION          of the functions that follow
    @object NAME CLASS      what follows is about objects of that class; @probe EXPRESSION makes
                            one, for the test
    @function NAME(ARGS)    begins a function (`module.name` or `object:name`); the text behind the
    tags describes it
    @field NAME TYPE        begins a field
      @waits yes, or @waits sometimes: WHEN      default: no
      @ours                 skynet does not have it
      @param NAME[?] TYPE TEXT, @key PARAM NAME[?] TYPE TEXT (of a table), @return TYPE NAME TEXT,
      @raise `TEXT` WHEN, @overload TYPE
    ## TITLE                a heading, which also ends the item before it

Ownership of the output: lua/doc/PAGE.md for each page, and all of lua/doc/library.
"""
import os, re, sys, textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
ITEM_TAGS = {"waits", "ours", "since", "param", "key", "return", "raise", "overload"}


class Wrong(Exception):
    """What is wrong with a file of the reference."""


class Item:
    """A function or a field. owner: the variable that it belongs to, "" for the module itself."""

    def __init__(self, kind, head, since, where):
        self.kind, self.since, self.where = kind, since, where
        self.waits, self.ours, self.text = "no", False, []
        self.params, self.keys, self.returns, self.raises, self.overloads = [], {}, [], [], []
        if kind == "function":
            found = re.fullmatch(r"([\w.]+?)(?:([.:])(\w+))?\((.*)\)", head)
            if not found:
                raise Wrong(f"{where}: a function is NAME(ARGS), not {head}")
            self.owner, self.separator, self.name = found[1], found[2] or "", found[3] or ""
            self.signature = head
        else:
            self.full, _, self.type = head.partition(" ")
            self.owner, self.separator, self.name = self.full.rpartition(".")
            if not self.type:
                raise Wrong(f"{where}: a field has a type")
        self.title = self.owner + self.separator + self.name

    def check(self):
        """The arguments of the signature are those that are described."""
        if self.kind != "function":
            return
        named = re.findall(r"\.\.\.|[\w]+", self.signature[len(self.title):])
        named = [n for n in named if n != "true"]
        if named != [p[0].rstrip("?") for p in self.params]:
            raise Wrong(f"{self.where}: {self.title} has the arguments {named}, "
                        f"but describes {[p[0] for p in self.params]}")
        if not "".join(self.text).strip():
            raise Wrong(f"{self.where}: {self.title} is not described")


class Part:
    """One file. body: strings of Markdown, items, and ("object", variable, class)."""

    def __init__(self, path):
        self.path, self.body, self.objects = path, [], {}
        self.module = self.service = self.chapter = self.var = self.result = None
        self.since, self.item = "0.1.0", None
        self.short = os.path.relpath(path, HERE)
        with open(path, encoding="utf-8") as f:
            self.read(f.read().split("\n"))
        self.end_item()
        if self.module and not self.var:
            self.var = self.module.rpartition(".")[2]

    def items(self):
        return [b for b in self.body if isinstance(b, Item)]

    def end_item(self):
        if self.item:
            self.item.check()
        self.item = None

    def read(self, lines):
        i, fenced = 0, False
        while i < len(lines):
            line, where = lines[i], f"{self.short}:{i + 1}"
            i += 1
            if line.startswith("```"):
                fenced = not fenced
            if fenced or not line.startswith("@"):
                if line.startswith("## ") and not fenced:
                    self.end_item()
                (self.item.text if self.item else self.body).append(line + "\n")
                continue
            while i < len(lines) and re.match(r"  +\S", lines[i]):
                line += " " + lines[i].strip()
                i += 1
            tag, _, rest = line[1:].partition(" ")
            self.take(tag, rest.strip(), where)
        if fenced:
            raise Wrong(f"{self.short}: a block of code does not end")

    def take(self, tag, rest, where):
        if tag in ("function", "field"):
            self.end_item()
            self.item = Item(tag, rest, self.since, where)
            self.body.append(self.item)
        elif tag in ITEM_TAGS and self.item:
            self.describe(self.item, tag, rest, where)
        elif tag in ("module", "service", "chapter", "result", "since"):
            setattr(self, tag, rest)
        elif tag == "as":
            self.var = rest
        elif tag == "object":
            self.end_item()
            var, _, cls = rest.partition(" ")
            self.objects[var] = [cls, None]
            self.body.append(("object", var, cls))
        elif tag == "probe" and self.objects:
            self.objects[list(self.objects)[-1]][1] = rest
        else:
            raise Wrong(f"{where}: no tag @{tag} here")

    def describe(self, item, tag, rest, where):
        words = rest.split(" ", 2)
        if tag in ("waits", "since"):
            setattr(item, tag, rest)
            if tag == "waits" and not re.match(r"yes$|sometimes: ", rest):
                raise Wrong(f"{where}: @waits yes, or @waits sometimes: WHEN")
        elif tag == "ours":
            item.ours = True
        elif tag in ("raise", "overload"):
            (item.raises if tag == "raise" else item.overloads).append(rest)
        elif len(words) < 2:
            raise Wrong(f"{where}: @{tag} needs a name and a type")
        elif tag == "key":
            table = next((p[0] for p in item.params if p[0].rstrip("?") == words[0]), None)
            field = rest.split(" ", 3)[1:]
            if not table or len(field) < 2:
                raise Wrong(f"{where}: @key PARAM NAME TYPE TEXT, of a table among the arguments")
            item.keys.setdefault(table, []).append((field + [""])[:3])
        else:
            (item.params if tag == "param" else item.returns).append((words + [""])[:3])


# ---- Markdown ----

def anchor(title):
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def wrapped(text, indent):
    """Lines of at most 100 columns; code stays in one piece."""
    text = re.sub(r"`[^`]+`", lambda m: m[0].replace(" ", "\0"), text)
    return textwrap.fill(text, 100, subsequent_indent=indent, break_long_words=False,
                         break_on_hyphens=False).replace("\0", " ")


def typed(name, kind, text):
    return f"`{name}` ({kind.replace('|', ' or ')}){': ' + text if text else ''}"


def item_lines(item, level):
    yield f"{'#' * level} {item.title}\n\n"
    if item.kind == "function":
        yield f"```lua\n{item.signature}\n```\n\n"
        waits = {"no": "Does not wait.", "yes": "**Waits.**"}.get(item.waits) or \
            "**May wait**: " + item.waits.partition(": ")[2].rstrip(".") + "."
        yield f"{waits} Since {item.since}{', not in skynet' if item.ours else ''}.\n\n"
    else:
        yield wrapped(f"A field, {item.type.replace('|', ' or ')}. "
                      f"Since {item.since}{', not in skynet' if item.ours else ''}.", "") + "\n\n"
    rows = []
    for p in item.params:
        rows.append("* " + typed(p[0].rstrip("?"),
                                 p[1] + (", optional" if p[0].endswith("?") else ""), p[2]))
        for k in item.keys.get(p[0], []):
            rows.append("  * " + typed(k[0].rstrip("?"),
                                       k[1] + (", optional" if k[0].endswith("?") else ""), k[2]))
    for r in item.returns:
        rows.append("* Returns " + typed(r[1] or "...", r[0], r[2]))
    rows += ["* Raises " + r for r in item.raises]
    text = "".join(item.text).strip("\n")
    fence = text.find("```")
    prose, example = (text, "") if fence < 0 else (text[:fence].rstrip("\n"), text[fence:])
    yield prose + "\n\n"
    if rows:
        yield "\n".join(wrapped(r, " " * (r.index("*") + 2)) for r in rows) + "\n\n"
    if example:
        yield example + "\n\n"


def title_of(part):
    return part.chapter or (f"Service `{part.service}`" if part.service else part.module)


def contents(part):
    """A line for each section with the functions in it."""
    sections = [[None, []]]
    for b in part.body:
        if isinstance(b, str) and b.startswith("## "):
            sections.append([b[3:].strip(), []])
        elif isinstance(b, Item) and b.kind == "function":
            sections[-1][1].append(f"[{b.title}](#{anchor(b.title)})")
    full = [s for s in sections if s[1]]
    if sum(len(s[1]) for s in full) < 4:
        return ""
    if len(full) == 1:
        return wrapped(", ".join(full[0][1]), "") + "\n\n"
    return "".join(wrapped(f"* {s[0] + ': ' if s[0] else ''}{', '.join(s[1])}", "  ") + "\n"
                   for s in full) + "\n"


def part_lines(part):
    level = 4 if any(isinstance(b, str) and b.startswith("## ") for b in part.body) else 3
    yield f"## {title_of(part)}\n\n"
    first = next((i for i, b in enumerate(part.body) if not isinstance(b, str)
                  or b.startswith("## ")), len(part.body))
    yield from part.body[:first]
    yield "\n" + contents(part)
    for b in part.body[first:]:
        if isinstance(b, Item):
            yield from item_lines(b, level)
        elif isinstance(b, str):
            yield "#" + b if b.startswith("## ") else b


def squeeze(text):
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def page_text(page, parts):
    modules = [f"[{title_of(p)}](#{anchor(title_of(p))})" for p in parts]
    on_page = wrapped("On this page: " + ", ".join(modules) + ".", "")
    text = f"# {page['title']}\n\n{page['text'].strip()}\n\n{on_page}\n\n"
    return squeeze("<!-- Made by lua/doc/generate.py out of lua/doc/ref: edit it there. -->\n"
                   + text +
                   "".join("".join(part_lines(p)) for p in parts))


# ---- types for editors ----

def plain(text):
    """Markdown links need no target here."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)


def comment(text):
    return "".join(f"---{line}".rstrip() + "\n" for line in plain(text).strip("\n").split("\n"))


def table_class(part, item, param):
    return ".".join([part.module, item.name, param.rstrip("?")])


def tables_stub(part, item):
    """A class for each table among the arguments whose fields are described."""
    out = ""
    for p in item.params:
        if p[0] in item.keys:
            out += f"---@class {table_class(part, item, p[0])}\n"
            out += "".join(f"---@field {name} {kind} {plain(text)}".rstrip() + "\n" for name, kind,
                           text in item.keys[p[0]]) + "\n"
    return out


def function_stub(part, item, local=False):
    out = tables_stub(part, item) + comment("".join(item.text))
    notes = [f"Raises {r}" for r in item.raises]
    if item.waits.startswith("sometimes"):
        notes.insert(0, "May wait: " + item.waits.partition(": ")[2])
    notes.append(f"Since {item.since}{', not in skynet' if item.ours else ''}.")
    out += "---\n" + "".join(comment("* " + n) for n in notes)
    if item.waits != "no":
        out += "---@async\n"
    for name, kind, text in item.params:
        kind = table_class(part, item, name) if name in item.keys else kind
        out += f"---@param {name} {kind} {plain(text)}".rstrip() + "\n"
    for kind, name, text in item.returns:
        out += f"---@return {kind} {name} {plain(text)}".rstrip() + "\n"
    out += "".join(f"---@overload {o}\n" for o in item.overloads)
    arguments = ", ".join(p[0].rstrip("?") for p in item.params)
    name = f"local function {item.title}" if local else f"function {item.title}"
    return f"{out}{name}({arguments}) end\n"


def stub_text(part):
    var = part.var
    out = f"---@meta {part.module}\n" \
          f"-- Made by lua/doc/generate.py out of lua/doc/{part.short}: edit it there.\n\n"
    intro = "".join(b for b in part.body[:next((i for i,
                                                b in enumerate(part.body) if not isinstance(b, str)
                                                  or b.startswith("## ")), len(part.body))])
    intro = re.sub(r"```.*?```", "", intro, flags=re.S).strip()
    single = part.result and part.result.startswith("function")
    if not single:
        own = [i for i in part.items() if i.kind == "field" and i.owner == var]
        out += comment(intro) if intro else ""
        out += f"---@class {part.module}\n"
        out += "".join(f"---@field {i.name} {i.type} {plain(' '.join(''.join(i.text).split()))}"
                       .rstrip() + "\n" for i in own)
        out += f"local {var} = {{}}\n"
    for b in part.body:
        if isinstance(b, tuple):
            fields = [i for i in part.items() if i.kind == "field" and i.owner == b[1]]
            out += f"\n---@class {b[2]}\n" + "".join(
                f"---@field {i.name} {i.type} {plain(' '.join(''.join(i.text).split()))}".rstrip()
                + "\n" for i in fields)
            out += f"local {b[1]} = {{}}\n"
        elif isinstance(b, Item) and b.kind == "function":
            out += "\n" + function_stub(part, b, local=bool(single and b.title == var))
    return out + f"\nreturn {var}\n"


# ---- the whole ----

def load():
    """(pages, parts by name). A page is { name, title, text, parts }."""
    pages, page = [], None
    with open(f"{HERE}/ref/pages.ref", encoding="utf-8") as f:
        for line in f:
            tag, _, rest = line.rstrip("\n").partition(" ")
            if tag == "@page":
                page = {"name": rest, "title": "", "text": "", "parts": []}
                pages.append(page)
            elif tag == "@title":
                page["title"] = rest
            elif tag == "@parts":
                page["parts"] += rest.split()
            elif page:
                page["text"] += line
    parts = {name: Part(f"{HERE}/ref/{name}.ref") for p in pages for name in p["parts"]}
    there = {f[:-4] for f in os.listdir(f"{HERE}/ref") if f.endswith(".ref")} - {"pages",
            "internal"}
    if there - set(parts):
        raise Wrong(f"ref/pages.ref: no page has {', '.join(sorted(there - set(parts)))}")
    return pages, parts


def internal():
    """Modules that `require` finds and programs do not need: name -> what it is."""
    with open(f"{HERE}/ref/internal.ref", encoding="utf-8") as f:
        rows = [line.strip().split(" ", 1) for line in f if line.strip()
                and not line.startswith("#")]
    return {r[0]: r[1] for r in rows}


def output():
    """File name -> text."""
    pages, parts = load()
    files = {}
    for page in pages:
        files[page["name"] + ".md"] = page_text(page, [parts[n] for n in page["parts"]])
    for part in parts.values():
        if part.module:
            files["library/" + part.module.replace(".", "/") + ".lua"] = stub_text(part)
    return files


def stale(files):
    """Names of files whose text is another one, and of those in library/ that nothing makes."""
    bad = []
    for name, text in files.items():
        try:
            with open(f"{HERE}/{name}", encoding="utf-8") as f:
                if f.read() == text:
                    continue
        except FileNotFoundError:
            pass
        bad.append(name)
    for folder, _, names in os.walk(f"{HERE}/library"):
        bad += [n for n in (os.path.relpath(f"{folder}/{x}", HERE) for x in names)
                if n not in files]
    return sorted(bad)


def main():
    try:
        files = output()
    except (Wrong, OSError) as e:
        sys.exit(f"generate.py: {e}")
    bad = stale(files)
    if "--check" in sys.argv[1:]:
        sys.exit("not current, `make doc` writes them: " + " ".join(bad) if bad else 0)
    for name in bad:
        path = f"{HERE}/{name}"
        if name not in files:
            os.remove(path)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(files[name])
        print(f"lua/doc/{name}")


if __name__ == "__main__":
    main()
