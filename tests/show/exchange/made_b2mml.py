"""B2MML documents by hand, and the schemas they are held against."""

import zipfile
from functools import cache
from pathlib import Path

from lxml import etree

NS = "http://www.mesa.org/xml/B2MML"
SCHEDULE = f"""<?xml version="1.0" encoding="UTF-8"?>
<OperationsSchedule xmlns="{NS}">
  <ID>WEEK-23</ID>
  <PublishedDate>2026-06-01T06:00:00Z</PublishedDate>
  <OperationsRequest>
    <ID>PO-1001</ID>
    <Description>Gear box housing</Description>
    <Description languageID="zh-CN">减速器壳体</Description>
    <EndTime>2026-06-05T16:00:00+08:00</EndTime>
    <HierarchyScope><EquipmentID>MW-L03</EquipmentID>
      <EquipmentLevel>ProductionLine</EquipmentLevel></HierarchyScope>
    <Priority>2</Priority>
    <RequestState>Released</RequestState>
    <SegmentRequirement>
      <ID>010</ID>
      <ProcessSegmentID>TURN</ProcessSegmentID>
      <Duration>PT1M30S</Duration>
      <OperationsDefinitionID>OD</OperationsDefinitionID>
      <OperationsSegmentID>OS</OperationsSegmentID>
      <PersonnelRequirement><ID>p</ID>
        <PersonnelClassID>turning</PersonnelClassID></PersonnelRequirement>
      <EquipmentRequirement><ID>e</ID>
        <EquipmentID>MW-L03-M01</EquipmentID></EquipmentRequirement>
    </SegmentRequirement>
    <SegmentRequirement>
      <ID>020</ID>
      <ProcessSegmentID>WASH</ProcessSegmentID>
      <OperationsDefinitionID>OD</OperationsDefinitionID>
      <OperationsSegmentID>OS</OperationsSegmentID>
      <MaterialRequirement><ID>m</ID><MaterialDefinitionID>CASTING</MaterialDefinitionID>
        <MaterialUse>Consumed</MaterialUse></MaterialRequirement>
      <MaterialRequirement><ID>n</ID><MaterialDefinitionID>HOUSING</MaterialDefinitionID>
        <MaterialUse>Produced</MaterialUse>
        <Quantity><QuantityString>120</QuantityString><UnitOfMeasure>C62</UnitOfMeasure></Quantity>
      </MaterialRequirement>
    </SegmentRequirement>
  </OperationsRequest>
</OperationsSchedule>"""
WORK = f"""<?xml version="1.0" encoding="UTF-8"?>
<WorkSchedule xmlns="{NS}">
  <ID>SHIFT-1</ID>
  <WorkRequest>
    <ID>WO-7</ID>
    <EndTime>2026-06-02T08:00:00Z</EndTime>
    <RequestState>Waiting</RequestState>
    <JobOrder>
      <ID>J1</ID>
      <WorkMasterID>GRIND</WorkMasterID>
      <MaterialRequirement><ID>m</ID><MaterialDefinitionID>SHAFT</MaterialDefinitionID>
        <MaterialUse>Produced</MaterialUse>
        <Quantity><QuantityString>5.0</QuantityString></Quantity></MaterialRequirement>
    </JobOrder>
  </WorkRequest>
</WorkSchedule>"""


def sync(schedule: str, verb: str = "Sync") -> str:
    """Wrap an operations schedule as a transaction."""
    body = schedule.partition("?>")[2].replace(f' xmlns="{NS}"', "")
    return (
        f'<{verb}OperationsSchedule xmlns="{NS}" releaseID="7.01"><ApplicationArea>'
        "<CreationDateTime>2026-06-01T06:00:00Z</CreationDateTime></ApplicationArea>"
        f"<DataArea><{verb}/>{body}</DataArea></{verb}OperationsSchedule>"
    )


class _Zipped(etree.Resolver):  # type: ignore[misc]  # lxml brings no types
    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def resolve(self, system_url: str, public_id: str, context: object) -> object:
        return self.resolve_string(self._files[system_url.rpartition("/")[2]], context)


@cache
def schema(shared_data: Path, name: str) -> etree.XMLSchema:
    """Return a schema out of the archive, its parts read from there too."""
    with zipfile.ZipFile(shared_data / "factory" / "b2mml_v7_xsd.zip") as archive:
        files = {n: archive.read(n) for n in archive.namelist()}
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Zipped(files))
    file = f"B2MML-{name}.xsd"  # as the parts name it when they include it again
    return etree.XMLSchema(etree.fromstring(files[file], parser, base_url=file))
