"""What became of a file, in words, English and Chinese."""

from millbrain.connect.files.folder import Result

Words = tuple[str, str]


def told(result: Result) -> Words:
    """Say what people must know of a file; nothing where all of it was taken."""
    name = result.name
    if result.why:
        return (
            f"the last file {name} could not be read: {result.why}; see {result.report}",
            f"最近的文件 {name} 无法读取：{result.why}；详见 {result.report}",
        )
    if result.grew:
        return (
            f"the file {name} was still being written when it was read; it is read again once it "
            "has rested. Is stable_s longer than the pauses of its writer?",
            f"文件 {name} 读取时仍在写入，静止后将重新读取；请确认 stable_s 大于写入停顿时间",
        )
    if result.again:
        return (
            f"the last file {name} was taken already at {result.again}; "
            "nothing of it was stored twice",
            f"最近的文件 {name} 已于 {result.again} 接收，未重复入库",
        )
    if result.faults:
        return (
            f"the last file {name} brought {result.values} values; {result.faults} cells were "
            f"refused, see {result.report}",
            f"最近的文件 {name} 接收 {result.values} 个值，拒绝 {result.faults} 个单元格，"
            f"详见 {result.report}",
        )
    return "", ""
