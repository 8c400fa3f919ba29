# The block design: processing system, AXI DMA, interrupt controller, and the accelerator as a reference to its RTL module.
#
#     FCLK_CLK0, FCLK_RESET0_N            one clock and, through proc_sys_reset_0, one reset for everything
#     M_AXI_GP0 -> interconnect ->        registers of DMA, accelerator, interrupt controller
#     DMA MM2S, S2MM -> interconnect ->   S_AXI_HP0, so memory (AXI4 becomes AXI3 in the interconnect)
#     DMA <-> accelerator                 images out of memory, results into it
#     irq, mm2s, s2mm -> axi_intc_0 ->    IRQ_F2P
#
# Sources: PG021 (AXI DMA), PG059 (AXI Interconnect), PG082 (PS7), PG099 (AXI INTC), PG164 (reset), UG994 (IP integrator).

namespace eval ::offramp {
    # A block of the IP catalogue. Its version is named: another one may have other pins and parameters.
    proc add_ip {ip name settings} {
        if {[get_ipdefs -quiet -all xilinx.com:ip:$ip] eq ""} {
            fail "this Vivado has no IP xilinx.com:ip:$ip"
        }
        set cell [create_bd_cell -type ip -vlnv xilinx.com:ip:$ip $name]
        set properties {}
        dict for {parameter value} $settings {
            lappend properties CONFIG.$parameter $value
        }
        if {[llength $properties] > 0} {
            set_property -dict $properties $cell
        }
    }

    # One net from `driver` to every pin in `loads`.
    proc join_pins {driver loads} {
        foreach load $loads {
            connect_bd_net [get_bd_pins $driver] [get_bd_pins $load]
        }
    }

    proc join_interfaces {pairs} {
        foreach {master slave} $pairs {
            connect_bd_intf_net [get_bd_intf_pins $master] [get_bd_intf_pins $slave]
        }
    }

    # Segment `name`, seen from address space `space` at `offset`.
    proc map_segment {space name offset range} {
        set segment [get_bd_addr_segs $name]
        if {[llength $segment] != 1} {
            fail "$name must be one address segment, not [llength $segment]"
        }
        assign_bd_address -offset $offset -range $range -target_address_space [get_bd_addr_spaces $space] $segment -force
    }

    proc add_cells {values} {
        variable ps_settings
        # Interrupts, one port each way, and one clock from the IO PLL; the rest is the board's.
        add_ip processing_system7:5.5 processing_system7_0 [dict merge $ps_settings [dict create \
            PCW_USE_M_AXI_GP0 1 \
            PCW_USE_S_AXI_HP0 1 \
            PCW_S_AXI_HP0_DATA_WIDTH 64 \
            PCW_USE_FABRIC_INTERRUPT 1 \
            PCW_IRQ_F2P_INTR 1 \
            PCW_EN_CLK0_PORT 1 \
            PCW_EN_RST0_PORT 1 \
            PCW_FCLK0_PERIPHERAL_CLKSRC {IO PLL} \
            PCW_FPGA0_PERIPHERAL_FREQMHZ [dict get $values clock_mhz]]]

        # Direct register mode, so no scatter-gather; buffers are aligned, so no realignment. A stream has no TKEEP: all its bytes count.
        add_ip axi_dma:7.1 axi_dma_0 [dict create \
            c_include_sg 0 \
            c_sg_include_stscntrl_strm 0 \
            c_sg_length_width [dict get $values length_bits] \
            c_addr_width 32 \
            c_micro_dma 0 \
            c_include_mm2s 1 \
            c_include_mm2s_dre 0 \
            c_m_axi_mm2s_data_width [dict get $values memory_read_bits] \
            c_m_axis_mm2s_tdata_width [dict get $values bus_bits] \
            c_mm2s_burst_size [dict get $values burst] \
            c_include_s2mm 1 \
            c_include_s2mm_dre 0 \
            c_m_axi_s2mm_data_width [dict get $values memory_write_bits] \
            c_s_axis_s2mm_tdata_width [dict get $values result_bits] \
            c_s2mm_burst_size [dict get $values burst]]

        add_ip axi_interconnect:2.1 axi_interconnect_registers {NUM_SI 1 NUM_MI 3}
        add_ip axi_interconnect:2.1 axi_interconnect_memory {NUM_SI 2 NUM_MI 1}
        add_ip proc_sys_reset:5.0 proc_sys_reset_0 {}
        add_ip xlconcat:2.1 xlconcat_0 {NUM_PORTS 3}
        # One wire as output, not the bus of a MicroBlaze. How each input is sensed follows from what drives it.
        add_ip axi_intc:4.1 axi_intc_0 {C_IRQ_CONNECTION 1}
        create_bd_cell -type module -reference accelerator accelerator_0
    }

    proc connect_cells {} {
        create_bd_intf_port -mode Master -vlnv xilinx.com:interface:ddrx_rtl:1.0 DDR
        create_bd_intf_port -mode Master -vlnv xilinx.com:display_processing_system7:fixedio_rtl:1.0 FIXED_IO
        connect_bd_intf_net [get_bd_intf_pins processing_system7_0/DDR] [get_bd_intf_ports DDR]
        connect_bd_intf_net [get_bd_intf_pins processing_system7_0/FIXED_IO] [get_bd_intf_ports FIXED_IO]

        join_interfaces {
            processing_system7_0/M_AXI_GP0      axi_interconnect_registers/S00_AXI
            axi_interconnect_registers/M00_AXI  axi_dma_0/S_AXI_LITE
            axi_interconnect_registers/M01_AXI  accelerator_0/s_axilite
            axi_interconnect_registers/M02_AXI  axi_intc_0/s_axi
            axi_dma_0/M_AXI_MM2S                axi_interconnect_memory/S00_AXI
            axi_dma_0/M_AXI_S2MM                axi_interconnect_memory/S01_AXI
            axi_interconnect_memory/M00_AXI     processing_system7_0/S_AXI_HP0
            axi_dma_0/M_AXIS_MM2S               accelerator_0/s_axis
            accelerator_0/m_axis                axi_dma_0/S_AXIS_S2MM
        }

        join_pins processing_system7_0/FCLK_CLK0 {
            processing_system7_0/M_AXI_GP0_ACLK
            processing_system7_0/S_AXI_HP0_ACLK
            proc_sys_reset_0/slowest_sync_clk
            axi_interconnect_registers/ACLK
            axi_interconnect_registers/S00_ACLK
            axi_interconnect_registers/M00_ACLK
            axi_interconnect_registers/M01_ACLK
            axi_interconnect_registers/M02_ACLK
            axi_interconnect_memory/ACLK
            axi_interconnect_memory/S00_ACLK
            axi_interconnect_memory/S01_ACLK
            axi_interconnect_memory/M00_ACLK
            axi_dma_0/s_axi_lite_aclk
            axi_dma_0/m_axi_mm2s_aclk
            axi_dma_0/m_axi_s2mm_aclk
            axi_intc_0/s_axi_aclk
            accelerator_0/ap_clk
        }
        join_pins processing_system7_0/FCLK_RESET0_N {
            proc_sys_reset_0/ext_reset_in
        }
        join_pins proc_sys_reset_0/interconnect_aresetn {
            axi_interconnect_registers/ARESETN
            axi_interconnect_memory/ARESETN
        }
        join_pins proc_sys_reset_0/peripheral_aresetn {
            axi_interconnect_registers/S00_ARESETN
            axi_interconnect_registers/M00_ARESETN
            axi_interconnect_registers/M01_ARESETN
            axi_interconnect_registers/M02_ARESETN
            axi_interconnect_memory/S00_ARESETN
            axi_interconnect_memory/S01_ARESETN
            axi_interconnect_memory/M00_ARESETN
            axi_dma_0/axi_resetn
            axi_intc_0/s_axi_aresetn
            accelerator_0/ap_rst_n
        }

        join_pins accelerator_0/irq xlconcat_0/In0
        join_pins axi_dma_0/mm2s_introut xlconcat_0/In1
        join_pins axi_dma_0/s2mm_introut xlconcat_0/In2
        join_pins xlconcat_0/dout axi_intc_0/intr
        join_pins axi_intc_0/irq processing_system7_0/IRQ_F2P
    }

    proc assign_addresses {values} {
        variable memory_range
        # A module reference calls its only address block reg0.
        foreach {name segment} {
            dma axi_dma_0/S_AXI_LITE/Reg
            accelerator accelerator_0/s_axilite/reg0
            intc axi_intc_0/S_AXI/Reg
        } {
            map_segment processing_system7_0/Data $segment [dict get $values ${name}_base] [dict get $values ${name}_range]
        }
        foreach space {axi_dma_0/Data_MM2S axi_dma_0/Data_S2MM} {
            map_segment $space processing_system7_0/S_AXI_HP0/HP0_DDR_LOWOCM 0x00000000 $memory_range
        }
    }

    # Builds the design in the open project, checked and with all its files generated. Its wrapper becomes the top; `clock_mhz` is then
    # the clock that the processing system really makes.
    proc block_design {values} {
        variable clock_mhz
        set name [dict get $values design]
        create_bd_design $name
        add_cells $values
        connect_cells
        assign_addresses $values
        validate_bd_design
        save_bd_design
        set clock_mhz [get_property CONFIG.PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ [get_bd_cells processing_system7_0]]

        set file [get_files $name.bd]
        add_files -norecurse -fileset sources_1 [make_wrapper -fileset sources_1 -files $file -top]
        # Synthesised with all the rest, in this process: the accelerator finds its memory files, and there is one log.
        set_property synth_checkpoint_mode None $file
        generate_target all $file
        set_property top ${name}_wrapper [get_filesets sources_1]
        update_compile_order -fileset sources_1
    }
}
