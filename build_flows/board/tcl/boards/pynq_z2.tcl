# Processing system of the PYNQ-Z2, as its Linux (PYNQ 3) has it: a 50 MHz crystal, 650 MHz Cortex-A9, 512 MiB of DDR3 on 16 lines, flash,
# UART, Ethernet, USB and SD card.
#
# From public documents: TUL's board file for it (tul.com.tw:pynq-z2:part0:1.0), the PYNQ-Z2 reference manual
# v1.0 of TUL, and PYNQ's hardware project (github.com/Xilinx/PYNQ, boards/Pynq-Z2/petalinux_bsp/hardware_project).
# What each setting means, and which pins a peripheral may have, is in the Zynq-7000 reference manual (UG585). Settings
# that Vivado derives from these (PLL factors, divisors, DDR timings of the named part), or that have its default already (pull-ups and slew
# rates of the pins), are left away.
#
# The running Linux keeps the clocks, memory and pins that its own boot loader set; what of this matters at run time is what PYNQ reads back
# from the .hwh (the fabric clock, the width of S_AXI_HP0). All of it matters when a boot image is made from this design.
#
# Vivado warns (PSU-1) of the negative DQS delays; they are the board's own figures.

set ::offramp::memory_range 0x20000000
set ::offramp::ps_settings {
    PCW_PRESET_BANK0_VOLTAGE {LVCMOS 3.3V}
    PCW_PRESET_BANK1_VOLTAGE {LVCMOS 1.8V}
    PCW_CRYSTAL_PERIPHERAL_FREQMHZ 50
    PCW_APU_PERIPHERAL_FREQMHZ 650

    PCW_UIPARAM_DDR_MEMORY_TYPE {DDR 3}
    PCW_UIPARAM_DDR_PARTNO {MT41J256M16 RE-125}
    PCW_UIPARAM_DDR_BUS_WIDTH {16 Bit}
    PCW_UIPARAM_DDR_FREQ_MHZ 525
    PCW_UIPARAM_DDR_TRAIN_WRITE_LEVEL 1
    PCW_UIPARAM_DDR_TRAIN_READ_GATE 1
    PCW_UIPARAM_DDR_TRAIN_DATA_EYE 1
    PCW_UIPARAM_DDR_BOARD_DELAY0 0.279
    PCW_UIPARAM_DDR_BOARD_DELAY1 0.260
    PCW_UIPARAM_DDR_BOARD_DELAY2 0.085
    PCW_UIPARAM_DDR_BOARD_DELAY3 0.092
    PCW_UIPARAM_DDR_DQS_TO_CLK_DELAY_0 -0.051
    PCW_UIPARAM_DDR_DQS_TO_CLK_DELAY_1 -0.006
    PCW_UIPARAM_DDR_DQS_TO_CLK_DELAY_2 -0.009
    PCW_UIPARAM_DDR_DQS_TO_CLK_DELAY_3 -0.033
    PCW_UIPARAM_DDR_CLOCK_0_LENGTH_MM 27.95
    PCW_UIPARAM_DDR_CLOCK_1_LENGTH_MM 27.95
    PCW_UIPARAM_DDR_CLOCK_2_LENGTH_MM 0
    PCW_UIPARAM_DDR_CLOCK_3_LENGTH_MM 0
    PCW_UIPARAM_DDR_DQS_0_LENGTH_MM 32.14
    PCW_UIPARAM_DDR_DQS_1_LENGTH_MM 31.12
    PCW_UIPARAM_DDR_DQS_2_LENGTH_MM 0
    PCW_UIPARAM_DDR_DQS_3_LENGTH_MM 0
    PCW_UIPARAM_DDR_DQ_0_LENGTH_MM 32.2
    PCW_UIPARAM_DDR_DQ_1_LENGTH_MM 31.08
    PCW_UIPARAM_DDR_DQ_2_LENGTH_MM 0
    PCW_UIPARAM_DDR_DQ_3_LENGTH_MM 0

    PCW_QSPI_PERIPHERAL_ENABLE 1
    PCW_QSPI_QSPI_IO {MIO 1 .. 6}
    PCW_QSPI_GRP_SINGLE_SS_ENABLE 1
    PCW_QSPI_GRP_FBCLK_ENABLE 1
    PCW_QSPI_PERIPHERAL_FREQMHZ 200

    PCW_UART0_PERIPHERAL_ENABLE 1
    PCW_UART0_UART0_IO {MIO 14 .. 15}
    PCW_UART0_BAUD_RATE 115200

    PCW_ENET0_PERIPHERAL_ENABLE 1
    PCW_ENET0_ENET0_IO {MIO 16 .. 27}
    PCW_ENET0_GRP_MDIO_ENABLE 1
    PCW_ENET0_GRP_MDIO_IO {MIO 52 .. 53}
    PCW_ENET0_PERIPHERAL_FREQMHZ {1000 Mbps}
    PCW_ENET_RESET_ENABLE 1
    PCW_ENET_RESET_SELECT {Share reset pin}
    PCW_ENET0_RESET_ENABLE 1
    PCW_ENET0_RESET_IO {MIO 9}

    PCW_USB0_PERIPHERAL_ENABLE 1
    PCW_USB0_USB0_IO {MIO 28 .. 39}
    PCW_USB_RESET_ENABLE 1
    PCW_USB_RESET_SELECT {Share reset pin}
    PCW_USB0_RESET_ENABLE 1
    PCW_USB0_RESET_IO {MIO 46}

    PCW_SD0_PERIPHERAL_ENABLE 1
    PCW_SD0_SD0_IO {MIO 40 .. 45}
    PCW_SD0_GRP_CD_ENABLE 1
    PCW_SD0_GRP_CD_IO {MIO 47}
    PCW_SDIO_PERIPHERAL_FREQMHZ 50

    PCW_GPIO_MIO_GPIO_ENABLE 1
    PCW_GPIO_MIO_GPIO_IO MIO
}
