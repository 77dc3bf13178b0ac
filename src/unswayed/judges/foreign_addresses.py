"""Addresses to a reader and turns of another speaker, in languages other than English.

A heading in front of a colon frames what stands behind it in three cases: it holds a word for a reader or a
role ("An den Prüfer:", "系统："), it begins with a foreign preposition of address ("Au correcteur :"), or it
is written in another script than everything before it.
"""

from __future__ import annotations

import re
import unicodedata

# Stems; German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Russian, Turkish.
_STEMS = (
    r"(?:pr(?:ü|ue?)fer|bewert|gutacht|korrektor|entwickl|benutzer|nutzer|lehrer|richter|leser|assistent"
    r"|correct(?:eur|or)|évaluat|evaluat|évaluation|examinat|annotat|d[ée]velopp|utilis|lecteur|juge"
    r"|juez|jueces|revis(?:or|eur)|desarroll|usuario|lector|asistente|sistema|système|administra"
    r"|valutat|giudic|svilupp|utente|lettore|avaliador|juiz|desenvolv|usuário|leitor"
    r"|beoordel|ontwikkel|gebruiker|systeem|oceniaj|recenzent|użytkown|programist|sędzi"
    r"|bedöm|granskar|utvecklar|användar|провер|оцен|судь|разработ|пользоват|систем|размет|асcист|ассист"
    r"|değerlendir|kullanıcı|geliştir|sistem)"
)
_CJK = (
    "系统|系統|用户|用戶|助手|开发者|開發者|评审|評審|评委|評委|评分|評分|标注|標註|审核|審核|裁判|法官|读者|管理员"
    "|システム|ユーザー|アシスタント|開発者|採点|評価者|判定者|審査|読者|시스템|사용자|어시스턴트|개발자|평가자|채점|심사"
)
_BEGIN = r"(?:\A|\n|[.!?。！？]\s{0,3})[^\w\n]{0,6}"
_PREPOSITION = (
    r"(?:an (?:den|die|das|alle)|für (?:den|die)|au|aux|à l['’]|à la|pour l[ea]s?|al|a la|a los|para|alla|ai"
    r"|agli|per (?:il|la|i)|aos?|aan|voor (?:de|het)|do|dla|till|för|для|к)"
)
_FOREIGN = re.compile(
    rf"{_BEGIN}(?:"
    rf"(?:[^\W\d_][\w'’-]{{0,20}}\s){{0,4}}{_STEMS}\w{{0,12}}(?:\s[\w'’-]{{1,20}}){{0,3}}\s?[:,!]"
    rf"|[^\s\n:：.。]{{0,12}}(?:{_CJK})[^\s\n:：.。]{{0,12}}\s?[:：,，]"
    rf"|{_PREPOSITION}\s?(?:[^\W\d_][\w'’-]{{0,20}}\s?){{1,4}}:)",
    re.IGNORECASE,
)
_HEADING = re.compile(rf"{_BEGIN}(?P<heading>[^\W\d_][^\n:：.!?。]{{1,60}})[:：]")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARABIC", "HEBREW")


def foreign_address(text: str) -> re.Match[str] | None:
    """The first heading that frames what follows, or None. Linear in time."""
    found = _FOREIGN.search(text)
    seen: set[str] = set()
    read = 0
    for match in _HEADING.finditer(text):
        if found is not None and match.start() >= found.start():
            break
        if text.isascii():
            break
        seen |= _scripts(text[read : match.start("heading")])
        read = match.start("heading")
        if seen and not _scripts(match["heading"]) & seen:
            return match
    return found


def _scripts(text: str) -> set[str]:
    return {
        script
        for char in set(text)
        if char.isalpha()
        for script in _SCRIPTS
        if unicodedata.name(char, "").startswith(script)
    }
