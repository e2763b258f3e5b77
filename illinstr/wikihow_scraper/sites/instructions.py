"""Where on a page of unknown make the instructions stand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from illinstr.wikihow_scraper.sites.cutting import CutPart, Line, parts_of, unnumbered

# What pages head their instructions with; a word more may stand around it ("Elaboración de la crema").
_HEADINGS = re.compile(
    r"^(?:\W*)(?:instructions?|directions?|method|steps?|preparation|procedure"
    r"|how to (?:make|do|prepare|cook|use|build)"
    r"|(?:mode d['’]emploi|préparation|étapes|réalisation)|(?:zubereitung|anleitung|so geht['’]?s|schritte)"
    r"|(?:instrucciones|preparación|elaboración|pasos|cómo (?:hacer|preparar))|(?:preparazione|procedimento|istruzioni)"
    r"|(?:modo de (?:preparo|preparação)|preparação|preparo|passo a passo)|(?:bereiding(?:swijze)?|bereiden|werkwijze)"
    r"|(?:gör så här|tillagning|instruktioner)|(?:fremgangsmåte|fremgangsmåde|slik gjør du)|(?:valmistusohje|ohje)"
    r"|(?:przygotowanie|sposób przygotowania)|(?:postup)|(?:приготовление|как приготовить|инструкция)"
    r"|(?:yapılışı|hazırlanışı)"
    r"|作り方|手順|做法|步骤|만드는 (?:법|방법))(?![^\W\d])",
    re.IGNORECASE,
)


_ROLES = {
    "materials": "ingredients?|materials?|supplies|what you(?:'|’)?ll need|you will need|things you(?:'|’)ll need|"
    "zutaten|material(?:ien)?|ingredientes|materiales|materiais|ingrédients|fournitures|ingredienti|ingrediënten|"
    "benodigdheden|ингредиенты|материалы|ingredienser|składniki|材料|原料|재료|malzemeler",
    "tools": "tools?(?: and equipment| needed| required)?|equipment(?: needed)?|utensils|werkzeuge?|herramientas|"
    "outils|ustensiles|strumenti|ferramentas|gereedschap|инструменты",
    "tips": "tips?|hints?|notes?|variations?|notes,? tips,? and variations|tipps|hinweise|consejos|astuces|conseils|"
    "consigli|dicas|советы|コツ|ポイント",
    "warnings": "warnings?|cautions?|safety(?: notes?)?|warnhinweise|advertencias|avertissements|avvertenze|avisos",
}
_ROLE = {role: re.compile(rf"^(?:the\s+)?(?:{words})\s*[:：]?$", re.IGNORECASE) for role, words in _ROLES.items()}


def role_of(heading: str) -> str | None:
    """What a heading says stands under it: materials, tools, tips, warnings, instructions, or something else."""
    if is_heading_of_instructions(heading):
        return "instructions"
    return next((role for role, words in _ROLE.items() if words.match(heading.strip())), None)


@dataclass
class Section:
    """Lines under a heading, those under its sub-headings included where they have no role of their own."""

    role: str | None
    heading: str
    lines: list[Line] = field(default_factory=list)

    def words(self) -> tuple[str, ...]:
        """The words of the lines, headings left out."""
        return tuple(line.text for line in self.lines if line.kind not in ("heading", "image"))


def sections(lines: list[Line]) -> list[Section]:
    """Lines cut at the headings that have a role, and at headings as high that have none."""
    found = [Section(None, "")]
    level = 0
    for line in lines:
        role = role_of(line.text) if line.kind == "heading" else None
        if role is not None or (line.kind == "heading" and line.level <= level and unnumbered(line.text)[0] is None):
            found.append(Section(role, line.text))
            level = line.level if role is not None else 0
        else:
            found[-1].lines.append(line)
    return found


def is_heading_of_instructions(text: str) -> bool:
    """Whether a heading says that what follows is what to do."""
    return len(text) <= 90 and _HEADINGS.match(text) is not None


def headed_parts(lines: list[Line]) -> list[CutPart]:
    """The steps under the first heading of instructions that has some; empty where there is none."""
    told = [index for index, line in enumerate(lines) if line.kind == "heading"]
    for index in [index for index in told if is_heading_of_instructions(lines[index].text)][:5]:
        parts = parts_of(_under(lines, index))
        if sum(len(part.steps) for part in parts) > 1:
            return parts
    return []


def _under(lines: list[Line], index: int) -> list[Line]:
    """The lines under a heading: to the next of its rank, inside the closest element that holds some of them."""
    heading = lines[index]
    end = index + 1
    while end < len(lines) and not _ends(lines[end], heading):
        end += 1
    following = lines[index + 1 : end]
    for holder in heading.element.iterancestors():
        inside = set(holder.iterdescendants())
        kept = [line for line in following if line.element in inside or line.element is holder]
        if len(kept) > 1:
            return kept
        if len(inside) > 5000:
            break
    return []


def _ends(line: Line, heading: Line) -> bool:
    return line.kind == "heading" and line.level <= heading.level and unnumbered(line.text)[0] is None
