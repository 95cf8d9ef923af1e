"""What a vehicle is: the static data that GB/T 32960.3-2025 annex A (A.2 to A.8) has registered.

The register keeps them as attributes of the thing, under any of the spellings below.
"""

from typing import Final

from millbrain.core.forms import FormField

ANNEX: Final = "GB/T 32960.3-2025, A.2-A.8"

STATIC_FIELDS: Final = (
    FormField("configuration", "text", "Configuration", "车辆配置", headings=("配置编号",)),
    FormField("protocol_edition", "text", "Edition of the protocol", "协议版本"),
    FormField("power_type", "text", "Power type", "动力类型", headings=("驱动类型", "燃料种类")),
    FormField("made_on", "text", "Date of manufacture", "生产日期", headings=("制造日期",)),
    FormField("use", "text", "Use", "使用性质"),
    FormField("range_km", "number", "Electric range", "续驶里程", headings=("纯电续航里程",)),
    FormField("range_method", "text", "Test method of the range", "续驶里程试验方法"),
    FormField("speed_max_kmh", "number", "Highest speed", "最高车速"),
    FormField("rated_voltage_v", "number", "Rated voltage of the battery", "额定电压"),
    FormField("rated_capacity_ah", "number", "Rated capacity", "额定容量"),
    FormField("rated_energy_kwh", "number", "Rated energy", "额定能量", headings=("总能量",)),
    FormField("pack_model", "text", "Model of the pack", "电池包型号"),
    FormField("pack_count", "whole", "Packs", "电池包数量"),
    FormField("chemistry", "text", "Chemistry", "电池类型", headings=("电池种类",)),
    FormField("cooling", "text", "Cooling", "冷却方式"),
    FormField("connection", "text", "Series and parallel", "串并联方式", headings=("成组方式",)),
    FormField("pack_place", "text", "Place of the pack", "电池包位置", headings=("安装位置",)),
    FormField("cell_maker", "text", "Maker of the cells", "单体生产企业"),
    FormField("motor_model", "text", "Model of the motor", "驱动电机型号"),
    FormField("motor_count", "whole", "Motors", "驱动电机数量"),
    FormField("terminal_model", "text", "Model of the terminal", "车载终端型号"),
    FormField("iccid", "text", "ICCID of the SIM card", "ICCID"),
    FormField("chip_id", "text", "Security chip", "安全芯片ID"),
    FormField("signature_algorithm", "text", "Signature algorithm", "签名算法"),
    FormField("alarm_thresholds", "text", "Alarm thresholds", "报警阈值"),
    FormField("voltage_source", "text", "How total voltage is taken", "总电压采集方式"),
    FormField("is_swappable", "text", "Battery swap", "是否换电"),
    FormField("is_range_extended", "text", "Range extender", "是否增程"),
)  # fmt: skip
