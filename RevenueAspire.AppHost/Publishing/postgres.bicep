@description('The region of the server.')
param location string = resourceGroup().location

@description('The database of the ledger and of the log.')
param databaseName string

@description('Only letters and digits: it becomes a part of a connection string.')
@minLength(8)
@maxLength(128)
@secure()
param administratorPassword string

@description('ZoneRedundant keeps a standby server in another zone of the region; it doubles the price.')
@allowed(['Disabled', 'SameZone', 'ZoneRedundant'])
param highAvailability string

var administrator = 'revenue'

resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2024-08-01' = {
  name: 'postgres-${uniqueString(resourceGroup().id)}'
  location: location
  // Burstable servers support no standby, and the smallest of them has fewer connections than these services open.
  sku: {
    name: 'Standard_D2ds_v5'
    tier: 'GeneralPurpose'
  }
  properties: {
    // Pinned: Azure upgrades a major version only on request, and this file must not request it by accident.
    version: '17'
    createMode: 'Default'
    administratorLogin: administrator
    administratorLoginPassword: administratorPassword
    authConfig: {
      activeDirectoryAuth: 'Disabled'
      passwordAuth: 'Enabled'
    }
    storage: {
      storageSizeGB: 32
      autoGrow: 'Enabled'
    }
    backup: {
      backupRetentionDays: 14
      geoRedundantBackup: 'Disabled'
    }
    highAvailability: {
      mode: highAvailability
    }
    network: {
      publicNetworkAccess: 'Enabled'
    }
  }
}

resource database 'Microsoft.DBforPostgreSQL/flexibleServers/databases@2024-08-01' = {
  parent: server
  name: databaseName
  properties: {
    charset: 'UTF8'
    collation: 'en_US.utf8'
  }
}

// The server refuses a second change while one is in progress, so each of these waits for the previous one.
resource requireTls 'Microsoft.DBforPostgreSQL/flexibleServers/configurations@2024-08-01' = {
  parent: server
  name: 'require_secure_transport'
  properties: {
    value: 'on'
    source: 'user-override'
  }
  dependsOn: [database]
}

// 0.0.0.0 means every address in Azure, including those of other customers. Password and TLS protect the server.
resource allowAzure 'Microsoft.DBforPostgreSQL/flexibleServers/firewallRules@2024-08-01' = {
  parent: server
  name: 'AllowAzureServices'
  properties: {
    startIpAddress: '0.0.0.0'
    endIpAddress: '0.0.0.0'
  }
  dependsOn: [requireTls]
}

@description('Without the password: Azure keeps the outputs of a deployment in clear text.')
output connectionString string = 'Host=${server.properties.fullyQualifiedDomainName};Port=5432;Username=${administrator};Database=${database.name};SSL Mode=VerifyFull'
