"""The words of the record's page in both languages."""

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final[Mapping[str, str]] = {"zh": "中文", "en": "English"}
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "record": "Record", "scheme": "Scheme", "aliases": "Other identifiers",
        "values": "Values", "technical": "Administration", "changed": "changed",
        "history": "History", "now": "Now", "until": "until", "empty": "There was no record.",
        "closed": "Only those who may read the whole prefix see what it held.",
        "none": "There is nothing that everybody may read.", "back": "Back to the record",
        "404": "No such record", "401": "Log in again", "406": "Not told in this form",
        "500": "The record cannot be read",
    },
    "zh": {
        "record": "标识记录", "scheme": "标识体系", "aliases": "其他标识",
        "values": "属性值", "technical": "管理信息", "changed": "更新于",
        "history": "变更历史", "now": "当前", "until": "至", "empty": "当时没有该记录。",
        "closed": "仅有权读取整个前缀的用户可查看当时的内容。",
        "none": "没有可公开读取的内容。", "back": "返回记录",
        "404": "未找到该标识", "401": "请重新登录", "406": "不支持所请求的格式",
        "500": "记录无法读取",
    },
}  # fmt: skip
